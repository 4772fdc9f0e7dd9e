import Foundation
import Glibc
import Testing

@testable import Video

@Suite("Addresses of sources")
struct SourceAddressTests {
    @Test(
        "the kind is told from the text alone",
        arguments: [
            ("rtsp://camera/stream", SourceAddress.Kind.url(scheme: "rtsp")),
            ("RTSPS://camera/stream", .url(scheme: "rtsps")),
            ("srt://host:9000?mode=caller", .url(scheme: "srt")),
            ("https://host/live.m3u8", .url(scheme: "https")),
            ("/dev/video0", .camera(path: "/dev/video0")),
            ("/dev/v4l/by-id/usb-cam-index0", .camera(path: "/dev/v4l/by-id/usb-cam-index0")),
            ("/dev/video", .path("/dev/video")),
            ("clips/a.mp4", .path("clips/a.mp4")),
            ("C:a.mp4", .path("C:a.mp4")),
            ("-", .standardInput),
            ("test:smptebars", .pattern(name: "smptebars", parameters: [:])),
            (
                "test:testsrc2?size=640x360&rate=30000/1001",
                .pattern(name: "testsrc2", parameters: ["size": "640x360", "rate": "30000/1001"])
            ),
            ("test:shapes?seed=7", .shapes(parameters: ["seed": "7"])),
        ])
    func kinds(_ text: String, _ kind: SourceAddress.Kind) throws {
        #expect(try SourceAddress(text).kind == kind)
    }

    @Test(
        "what can be no address is refused with what to write instead",
        arguments: [
            ("", "is empty"), ("gopherr://host/a", "does not know 'gopherr://'"),
            ("rtsp://host/a\nb", "control character"),
            ("a\u{0}b.mp4", "control character"), ("test:", "no pattern ''"),
            ("test:movie?filename=secret", "no pattern"),
            ("test:testsrc2?size", "name=value"), ("test:testsrc2?size=1x1:filename=a", "may only have"),
            ("test:testsrc2?size=1x1&size=2x2", "given twice"), ("test:testsrc2?size=", "may only have"),
            ("test:color?color=red,movie=a", "may only have"), ("test:color?a:b=1", "no parameter"),
        ])
    func refused(_ text: String, _ words: String) {
        let error = #expect(throws: VideoError.self) { try SourceAddress(text) }
        #expect(error?.description.contains(words) == true)
    }

    @Test(
        "secrets are taken out of what is shown",
        arguments: [
            ("rtsp://host:554/stream1", "rtsp://host:554/stream1"),
            ("rtsp://admin:hunter2@host:554/a?channel=1", "rtsp://host:554/a?channel=1"),
            ("rtsp://admin@host/a", "rtsp://host/a"),
            ("rtsp://admin:p@ss@host/a", "rtsp://host/a"),
            ("rtsp://admin:p/ss@host/a", "rtsp://***@host/a"),
            ("rtsp://admin:p?s#s@host/a", "rtsp://***@host/a"),
            ("http://host/a?user=me&password=hunter2&x=1", "http://host/a?user=***&password=***&x=1"),
            (
                "http://host/a?X-Amz-Security-Token=abc&Signature=def",
                "http://host/a?X-Amz-Security-Token=***&Signature=***"
            ),
            ("http://host/a?apikey=abc#t=1", "http://host/a?apikey=***#t=1"),
            ("http://host/a?token=", "http://host/a?token="),
            ("http://host/a?token=AbC/dEf?g&b=c", "http://host/a?token=***&b=c"),
            ("http://host/a?auth=a=b&c=d", "http://host/a?auth=***&c=d"),
            ("rtsp://host/user=admin&password=hunter2&channel=1", "rtsp://host/user=***&password=***&channel=1"),
            ("srt://host:9?passphrase=hunter2&mode=caller", "srt://host:9?passphrase=***&mode=caller"),
            ("srt://host:9?streamid=read:a:me:hunter2", "srt://host:9?streamid=***"),
            ("rtsp://[::1]:554/a", "rtsp://[::1]:554/a"),
            ("http://host/@me/a", "http://host/@me/a"),
        ])
    func redacted(_ text: String, _ shown: String) throws {
        let address = try SourceAddress(text)
        #expect(address.redacted == shown)
        #expect("\(address)" == shown)
        var dumped = ""
        dump(address, to: &dumped)
        dumped += String(reflecting: address) + String(describing: Optional(address))
        #expect(!dumped.contains("hunter2"))
    }

    @Test("credentials replace those of the address, percent-encoded")
    func credentials() throws {
        let credentials = Credentials(username: "me@home", password: "a:b/c?d#e %ü")
        let expected = InputName.address("rtsp://me%40home:a%3Ab%2Fc%3Fd%23e%20%25%C3%BC@host:554/a?b=c@d")
        for text in ["rtsp://host:554/a?b=c@d", "rtsp://old:secret@host:554/a?b=c@d"] {
            #expect(try SourceAddress(text).inputName(credentials) == expected)
        }
        #expect("\(credentials) \(String(reflecting: credentials))" == "*** ***")
    }

    @Test("credentials are read from a line of text")
    func credentialsText() {
        #expect(Credentials("me:a:b c\n") == Credentials(username: "me", password: "a:b c"))
        #expect(Credentials("me:") == Credentials(username: "me", password: ""))
        #expect(Credentials("me\n") == nil)
        #expect(Credentials(":password") == nil)
    }

    @Test("what comes by its own clock is live")
    func live() throws {
        let folder = try Folder()
        try folder.write([1], to: "file")
        try #require(mkfifo(folder("pipe"), 0o600) == 0)
        #expect(try SourceAddress(folder("pipe")).isLive)
        #expect(try !SourceAddress(folder("file")).isLive)
        #expect(try !SourceAddress(folder("none")).isLive)
        #expect(try !SourceAddress("file:///a.mp4").isLive)
        #expect(try SourceAddress("udp://239.0.0.1:1234").isLive)
        #expect(try SourceAddress("/dev/video3").isLive)
        #expect(try SourceAddress("test:testsrc").isLive)
    }

    @Test("errors of a video that is opened by name do not show its password")
    func videoSource() {
        let error = #expect(throws: VideoError.self) {
            try VideoSource("http://me:hunter2@127.0.0.1:1/a?token=hunter2")
        }
        #expect(error?.description.hasPrefix("http://127.0.0.1:1/a?token=***: ") == true)
    }
}
