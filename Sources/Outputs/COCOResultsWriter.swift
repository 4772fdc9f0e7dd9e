import Instances

/// Writes COCO's array of results: one object a detection, as pycocotools' `loadRes` takes it.
///
/// Each has `image_id`, `file_name` and the fields of `Instance` (`category_id`, `bbox`, `score`, `segmentation`). The file appears under
/// its name with `finish()`; without it, nothing does. Not for two threads at once.
public final class COCOResultsWriter {
    private let sink: TextSink
    private var isEmpty = true

    /// - Parameter path: Where the array goes; `-` is standard output.
    /// - Throws: `FileError` where the file cannot be made.
    public init(path: String) throws {
        sink = try TextSink(path: path)
    }

    /// Adds the detections of one picture.
    ///
    /// - Throws: `FileError`, a full disk and a reader that has gone among them.
    public func write(_ objects: [Instance], imageID: Int, fileName: String) throws {
        for object in objects {
            var json = JSONText()
            json.object { json in
                json.integer("image_id", imageID)
                json.string("file_name", fileName)
                object.appendFields(to: &json)
            }
            try sink.write((isEmpty ? "[\n" : ",\n") + json.text)
            isEmpty = false
        }
    }

    /// Closes the array and gives the file its name; without detections the array is empty.
    ///
    /// - Throws: `FileError`.
    public func finish() throws {
        try sink.write(isEmpty ? "[]\n" : "\n]\n")
        try sink.finish()
    }

    /// Removes what was written.
    public func cancel() { sink.cancel() }
}
