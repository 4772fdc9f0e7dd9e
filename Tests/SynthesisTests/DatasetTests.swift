import Files
import Foundation
import Instances
import Testing
import Video

@testable import Synthesis

@Suite("Synthetic data sets")
struct DatasetTests {
    /// A folder that vanishes with the test.
    final class Temporary {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)").path
        deinit { try? FileManager.default.removeItem(atPath: path) }
        func data(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }
        var files: [String] {
            get throws {
                try FileManager.default.subpathsOfDirectory(atPath: path).filter { name in
                    var isFolder: ObjCBool = false
                    return FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder)
                        && !isFolder.boolValue
                }.sorted()
            }
        }
    }

    struct Annotations {
        var images: [[String: Any]]
        var objects: [[String: Any]]
        var categories: [[String: Any]]

        init(_ data: Data) throws {
            let content = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
            images = try #require(content["images"] as? [[String: Any]])
            objects = try #require(content["annotations"] as? [[String: Any]])
            categories = try #require(content["categories"] as? [[String: Any]])
        }

        static func mask(_ object: [String: Any]) throws -> Mask {
            let encoded = try #require(object["segmentation"] as? [String: Any])
            let size = try #require(encoded["size"] as? [Int])
            return try Mask(width: size[1], height: size[0], counts: try #require(encoded["counts"] as? String))
        }
    }

    static func plan(images: Int = 0, videos: Int = 0, seed: UInt64 = 3) -> DatasetPlan {
        var plan = DatasetPlan()
        (plan.width, plan.height, plan.seed) = (128, 80, seed)
        (plan.images, plan.videos, plan.seconds, plan.frameRate) = (images, videos, 1.2, 10)
        return plan
    }

    @Test("Images come with COCO annotations whose masks, areas and boxes agree")
    func images() throws {
        let folder = Temporary()
        let parts = try DatasetWriter(folder: folder.path + "/made/deep", plan: Self.plan(images: 30)).write()
        let made = try Annotations(try folder.data("made/deep/annotations.json"))
        #expect(parts.map(\.objects) == [made.objects.count])
        #expect(made.images.count == 30)
        #expect(made.categories.compactMap { $0["name"] as? String } == Shape.categories.map(\.name))
        #expect(made.objects.compactMap { $0["id"] as? Int } == Array(1...made.objects.count))
        for object in made.objects {
            let mask = try Annotations.mask(object)
            let box = try #require(mask.boundingBox)
            #expect(object["area"] as? Int == mask.area)
            #expect(object["bbox"] as? [Int] == [box.x0, box.y0, box.width, box.height].map { Int($0) })
            #expect(object["iscrowd"] as? Int == 0)
            #expect((1...30).contains(try #require(object["image_id"] as? Int)))
            #expect(object["track_id"] is Int)
        }
        for image in made.images {
            let name = try #require(image["file_name"] as? String)
            let picture = try ImageFile.read("\(folder.path)/made/deep/images/\(name)")
            #expect(picture.width == image["width"] as? Int && picture.height == image["height"] as? Int)
        }
    }

    @Test("An image's file holds the scene's pixels")
    func pixels() throws {
        let folder = Temporary()
        let plan = Self.plan(images: 2)
        _ = try DatasetWriter(folder: folder.path, plan: plan).write()
        let shot = plan.shots()[1]
        let scene = Scene(seed: shot.sceneSeed, width: plan.width, height: plan.height, duration: shot.duration)
        let read = try ImageFile.read(folder.path + "/images/000002.png")
        #expect(read.withSamples { Array($0) } == SceneTests.samples(scene.frame(at: shot.time)))
    }

    @Test("The same plan makes the same bytes, another seed others")
    func determinism() throws {
        let (first, second, other) = (Temporary(), Temporary(), Temporary())
        for (folder, seed) in [(first, UInt64(3)), (second, 3), (other, 4)] {
            _ = try DatasetWriter(folder: folder.path, plan: Self.plan(images: 9, videos: 1, seed: seed)).write()
        }
        #expect(try first.files == second.files)
        for name in try first.files {
            #expect(try first.data(name) == second.data(name), "\(name)")
            #expect(try first.data(name) != other.data(name), "\(name)")
        }
    }

    @Test("A video, its annotations and its tracks have the same frames and identities")
    func video() throws {
        let folder = Temporary()
        var plan = Self.plan(videos: 2)
        plan.framesAsImages = true
        let parts = try DatasetWriter(folder: folder.path, plan: plan).write()
        #expect(parts.map(\.pictures) == [12, 12])
        for number in ["000001", "000002"] {
            let made = try Annotations(try folder.data("videos/\(number)/annotations.json"))
            #expect(made.images.count == 12)
            let source = try VideoSource("\(folder.path)/videos/\(number)/video.mp4")
            var times: [Double] = []
            while let frame = try source.next() { times.append(frame.timestamp.seconds) }
            #expect(times.count == 12)
            for (time, image) in zip(times, made.images) {
                // Written to a microsecond.
                #expect(abs(time - (try #require(image["pts"] as? Double))) < 1e-5)
                let name = try #require(image["file_name"] as? String)
                #expect(try folder.files.contains("videos/\(number)/images/\(name)"))
            }
            let text = String(decoding: try folder.data("videos/\(number)/gt.txt"), as: UTF8.self)
            let tracks = try MOTChallenge.frames(text)
            for image in 1...12 {
                let annotated = made.objects.filter { $0["image_id"] as? Int == image }
                let tracked = tracks[image - 1] ?? []
                #expect(tracked.compactMap(\.trackID) == annotated.compactMap { $0["track_id"] as? Int })
                #expect(tracked.map(\.categoryID) == annotated.compactMap { $0["category_id"] as? Int })
            }
        }
    }

    @Test("A folder that holds something is refused, an empty one is taken")
    func notEmpty() throws {
        let folder = Temporary()
        try Folder.create(folder.path)
        _ = try DatasetWriter(folder: folder.path, plan: Self.plan(images: 1)).write()
        #expect(throws: DatasetError.notEmpty(folder: folder.path)) {
            try DatasetWriter(folder: folder.path, plan: Self.plan(images: 1))
        }
        let file = folder.path + "/annotations.json"
        #expect(throws: FileError.refused(action: "make the folder", path: file, reason: "a file has that name")) {
            try DatasetWriter(folder: file, plan: Self.plan(images: 1))
        }
    }

    @Test("Plans that cannot be made are refused before anything is")
    func impossible() throws {
        let folder = Temporary()
        var wide = Self.plan(images: 1)
        wide.width = 100_000
        var endless = Self.plan(videos: 1)
        endless.seconds = .infinity
        var still = Self.plan(videos: 1)
        still.frameRate = .nan
        for plan in [wide, endless, still, Self.plan(), Self.plan(images: -1)] {
            #expect(throws: DatasetError.self) { try DatasetWriter(folder: folder.path, plan: plan) }
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path))
    }
}
