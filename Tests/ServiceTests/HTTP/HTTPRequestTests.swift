import Instances
import Testing

@testable import Service

@Suite("A request's head")
struct HTTPRequestTests {
    private func request(_ text: String) throws(HTTPRequest.Fault) -> HTTPRequest {
        try HTTPRequest(head: Array(text.utf8))
    }

    @Test("has a method, a path, a query and a host")
    func fields() throws {
        let request = try request(
            "GET /streams/a%2Fb%20c/picture.jpg?width=640&x HTTP/1.1\r\nHost: localhost:9470 \r\n\r\n")
        #expect(request.method == "GET")
        #expect(request.path == "/streams/a%2Fb%20c/picture.jpg")
        #expect(request.components == ["streams", "a/b c", "picture.jpg"])
        #expect(request.parameter("width") == "640")
        #expect(request.parameter("x") == "")
        #expect(request.parameter("height") == nil)
        #expect(request.host == "localhost:9470")
        #expect(request.keepsConnection)
    }

    @Test("ends at its empty line, with or without carriage returns")
    func end() {
        let bytes = { (text: String) in Array(text.utf8) }
        #expect(HTTPRequest.endOfHead(in: bytes("GET / HTTP/1.1\r\nHost: a\r\n")) == nil)
        #expect(HTTPRequest.endOfHead(in: bytes("GET / HTTP/1.1\r\n\r\nmore")) == 18)
        #expect(HTTPRequest.endOfHead(in: bytes("GET / HTTP/1.1\n\nmore")) == 16)
        // The search goes on where it stopped, in the middle of the line's end.
        #expect(HTTPRequest.endOfHead(in: bytes("GET / HTTP/1.1\r\n\r\n"), from: 17) == 18)
    }

    @Test(
        "says whether another may follow",
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        ])
    func connection(text: String, keeps: Bool) throws {
        #expect(try request(text).keepsConnection == keeps)
    }

    @Test(
        "is refused where it is none",
        arguments: [
            "\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "G\u{1}T / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET x HTTP/1.1\r\nHost: a\r\n\r\n", "GET / FTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n folded: line\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nname : b\r\n\r\n",
        ])
    func malformed(text: String) {
        #expect(throws: HTTPRequest.Fault.malformed) { try request(text) }
    }

    @Test("of another version is refused")
    func version() {
        #expect(throws: HTTPRequest.Fault.otherVersion) { try request("GET / HTTP/2.0\r\nHost: a\r\n\r\n") }
    }

    @Test("the answer's date is that of RFC 9110")
    func date() {
        #expect(HTTPAnswer.date(WallClock(seconds: 784_111_777.9)) == "Sun, 06 Nov 1994 08:49:37 GMT")
    }
}
