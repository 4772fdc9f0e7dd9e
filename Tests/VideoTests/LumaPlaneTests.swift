import Testing

@testable import Video

@Suite("Thumbnails of luma")
struct LumaPlaneTests {
    let folder: Folder

    init() throws { folder = try Folder() }

    @Test(
        "are FFmpeg's own averages, whatever the pixel format",
        arguments: ["yuv420p", "yuv422p10le", "nv12", "bgr24", "gray"])
    func formats(_ format: String) throws {
        let codec = ["nv12", "bgr24", "gray"].contains(format) ? "rawvideo" : "ffv1"
        try ffmpeg(
            pattern("testsrc", size: "128x64", seconds: 0.04) + " -c:v \(codec) -pix_fmt \(format)", folder("a.nut"))
        try ffmpeg("-i \(folder("a.nut")) -vf scale=16:8:flags=area,format=gray -f rawvideo", folder("b.gray"))
        let frame = try #require(try frames(folder("a.nut")).first)
        let thumbnail = try frame.lumaThumbnail(width: 16, height: 8)
        #expect((thumbnail.width, thumbnail.height) == (16, 8))
        // FFmpeg stretches limited range to a grey picture's full one, by 255/219: at most 20 of 255.
        #expect(difference(thumbnail.samples, try folder.bytes("b.gray")).largest <= 22)
    }

    @Test("cover the whole picture where its sides are no multiples of theirs, and repeat where it is smaller")
    func sizes() throws {
        try ffmpeg("-f lavfi -i color=gray:size=67x35 -frames:v 1 -c:v ffv1 -pix_fmt gray", folder("a.mkv"))
        let frame = try #require(try frames(folder("a.mkv")).first)
        let flat = try frame.lumaThumbnail(width: 16, height: 16)
        #expect(Set(flat.samples).count == 1)
        let large = try frame.lumaThumbnail(width: 100, height: 50)
        #expect(large.samples == Array(repeating: flat.samples[0], count: 5000))
    }

    @Test("tell a frame from its neighbour only where something moves")
    func motion() throws {
        try ffmpeg(
            "-f lavfi -i color=gray:size=160x96:rate=5:duration=0.4,drawbox=x='20':y=20:w=20:h=20:t=fill:color=white:enable='lt(t,0.1)',drawbox=x=100:y=20:w=20:h=20:t=fill:color=white:enable='gt(t,0.1)' -c:v ffv1 -pix_fmt yuv420p",
            folder("a.mkv"))
        let planes = try frames(folder("a.mkv")).map { try $0.lumaThumbnail(width: 16, height: 12) }
        try #require(planes.count == 2)
        let changed = zip(planes[0].samples, planes[1].samples).enumerated().filter { abs(Int($1.0) - Int($1.1)) > 16 }
            .map(\.offset)
        // The box covers columns 2 and 3, then 10 and 11; rows 2 to 4 in whole or in part.
        #expect(changed == [2, 3, 4].flatMap { row in [2, 3, 10, 11].map { row * 16 + $0 } })
    }
}
