import Files
import Instances

/// Writes the true tracks of a video as MOTChallenge's `gt.txt` (arXiv 1603.00831, section 3.3, and 2003.09003): frame from 1,
/// identity, left, top, width, height, 1 for an object to be considered, class, visibility.
final class TrackFile {
    private let file: AtomicFile

    /// - Throws: `FileError`.
    init(path: String) throws { file = try AtomicFile(path: path) }

    /// Adds a frame, numbered from 0.
    ///
    /// - Throws: `FileError`.
    func add(_ objects: [Scene.VisibleObject], frame: Int) throws {
        var text = ""
        for object in objects {
            // The values of JSON text without brackets around them are what this format wants.
            var line = JSONText()
            line.integer(nil, frame + 1)
            line.integer(nil, object.trackID)
            for value in [object.box.x0, object.box.y0, object.box.width, object.box.height] {
                line.integer(nil, Int(value))
            }
            line.integer(nil, 1)
            line.integer(nil, object.shape.category.id)
            line.number(nil, Double(object.visibility), decimals: 4)
            text += line.text + "\n"
        }
        try file.write(Array(text.utf8))
    }

    /// Gives the file its name.
    ///
    /// - Throws: `FileError`.
    func finish() throws { try file.commit() }
}
