import Files
import Instances

/// Writes the annotations of a data set in COCO's format (cocodataset.org, "Data format"), picture by picture.
///
/// Beside COCO's fields, annotations have `track_id` and `visibility`, and images of a video `frame` and `pts`. The file appears
/// under its name with `finish()`.
final class AnnotationFile {
    /// One entry of `images`; its `id` is its place in the list, from 1.
    struct Picture {
        var fileName: String
        /// The number in its video, from 0, and the time there in seconds.
        var frame: (number: Int, pts: Double)?
    }

    private let file: AtomicFile
    private let width: Int
    private let height: Int
    private(set) var count = 0

    /// Begins the file with all that is known before anything is rendered.
    ///
    /// - Throws: `FileError`.
    init(path: String, description: String, width: Int, height: Int, pictures: [Picture]) throws {
        (self.width, self.height) = (width, height)
        file = try AtomicFile(path: path)
        var info = JSONText()
        info.object { $0.string("description", description) }
        var categories = JSONText()
        categories.array { json in
            for category in Shape.categories {
                json.object { json in
                    json.integer("id", category.id)
                    json.string("name", category.name)
                    json.string("supercategory", "shape")
                }
            }
        }
        var text = "{\"info\":\(info.text),\n\"categories\":\(categories.text),\n\"images\":["
        for (index, picture) in pictures.enumerated() {
            text += index == 0 ? "\n" : ",\n"
            text += line(picture, id: index + 1)
        }
        text += "],\n\"annotations\":["
        try file.write(Array(text.utf8))
    }

    /// Adds what one picture shows.
    ///
    /// - Throws: `FileError`.
    func add(_ objects: [Scene.VisibleObject], imageID: Int) throws {
        var text = ""
        for object in objects {
            text += count == 0 ? "\n" : ",\n"
            count += 1
            text += line(object, id: count, imageID: imageID)
        }
        try file.write(Array(text.utf8))
    }

    /// Ends the file and gives it its name.
    ///
    /// - Throws: `FileError`.
    func finish() throws {
        try file.write(Array("]}\n".utf8))
        try file.commit()
    }

    private func line(_ picture: Picture, id: Int) -> String {
        var json = JSONText()
        json.object { json in
            json.integer("id", id)
            json.string("file_name", picture.fileName)
            json.integer("width", width)
            json.integer("height", height)
            if let frame = picture.frame {
                json.integer("frame", frame.number)
                json.number("pts", frame.pts, decimals: 6)
            }
        }
        return json.text
    }

    private func line(_ object: Scene.VisibleObject, id: Int, imageID: Int) -> String {
        var json = JSONText()
        json.object { json in
            json.integer("id", id)
            json.integer("image_id", imageID)
            json.integer("category_id", object.shape.category.id)
            json.integer("iscrowd", 0)
            json.integer("track_id", object.trackID)
            json.number("visibility", Double(object.visibility), decimals: 4)
            json.integer("area", object.mask.area)
            json.array("bbox") { json in
                for value in [object.box.x0, object.box.y0, object.box.width, object.box.height] {
                    json.integer(nil, Int(value))
                }
            }
            json.object("segmentation") { json in
                json.array("size") { json in
                    json.integer(nil, object.mask.height)
                    json.integer(nil, object.mask.width)
                }
                json.string("counts", object.mask.counts)
            }
        }
        return json.text
    }
}
