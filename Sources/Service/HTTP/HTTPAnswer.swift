import Foundation
import Glibc
import Instances

/// What is sent back to a request.
struct HTTPAnswer: Sendable {
    /// The codes that are used here (RFC 9110, section 15, and RFC 6585).
    enum Status: Int, Sendable {
        case ok = 200
        case noContent = 204
        case badRequest = 400
        case forbidden = 403
        case notFound = 404
        case methodNotAllowed = 405
        case headTooLarge = 431
        case serviceUnavailable = 503
        case versionNotSupported = 505

        fileprivate var phrase: String {
            switch self {
            case .ok: "OK"
            case .noContent: "No Content"
            case .badRequest: "Bad Request"
            case .forbidden: "Forbidden"
            case .notFound: "Not Found"
            case .methodNotAllowed: "Method Not Allowed"
            case .headTooLarge: "Request Header Fields Too Large"
            case .serviceUnavailable: "Service Unavailable"
            case .versionNotSupported: "HTTP Version Not Supported"
            }
        }
    }

    var status: Status
    var type: String
    var body: Data
    /// Headers beside those that every answer has.
    var headers: [(name: String, value: String)] = []

    init(_ status: Status = .ok, type: String, body: Data) {
        self.status = status
        self.type = type
        self.body = body
    }

    /// A line of text for people.
    init(_ status: Status, _ text: String) {
        self.init(status, type: "text/plain; charset=utf-8", body: Data((text + "\n").utf8))
    }

    init(_ fault: HTTPRequest.Fault) {
        switch fault {
        case .malformed: self.init(.badRequest, "this is no request of HTTP/1.1")
        case .headTooLarge: self.init(.headTooLarge, "the request's head is too long")
        case .otherVersion: self.init(.versionNotSupported, "only HTTP/1.1 and HTTP/1.0")
        }
    }

    /// The answer's bytes.
    ///
    /// - Parameters:
    ///   - hasBody: False for HEAD, whose answer says how long the body would be.
    ///   - keepsConnection: Whether another request may follow.
    func encoded(hasBody: Bool, keepsConnection: Bool, at time: WallClock) -> Data {
        var head = "HTTP/1.1 \(status.rawValue) \(status.phrase)\r\n"
        var fixed = [("Date", Self.date(time)), ("Connection", keepsConnection ? "keep-alive" : "close")]
        // RFC 9110, section 8.6: an answer of this kind has no length, not even none.
        if status != .noContent { fixed += [("Content-Type", type), ("Content-Length", String(body.count))] }
        for (name, value) in fixed + headers { head += "\(name): \(value)\r\n" }
        var bytes = Data((head + "\r\n").utf8)
        if hasBody { bytes.append(body) }
        return bytes
    }

    /// As `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
    static func date(_ time: WallClock) -> String {
        var seconds = time_t(time.seconds.rounded(.down))
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let two = { (value: CInt) in (value < 10 ? "0" : "") + String(value) }
        return
            "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}
