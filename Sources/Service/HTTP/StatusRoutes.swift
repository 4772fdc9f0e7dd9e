import Foundation

/// What the daemon answers to which request.
struct StatusRoutes: Sendable {
    let inspection: any ServiceInspection
    /// Whether only requests that name this machine itself are answered.
    let isLoopback: Bool

    /// Headers of every answer: a browser takes it for what it is, asks again each time, and loads nothing from elsewhere.
    private static let headers = [
        (
            name: "Content-Security-Policy",
            value:
                "default-src 'none'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
                + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        (name: "X-Content-Type-Options", value: "nosniff"), (name: "Referrer-Policy", value: "no-referrer"),
        (name: "Cross-Origin-Resource-Policy", value: "same-origin"), (name: "Cache-Control", value: "no-store"),
    ]

    func answer(_ request: HTTPRequest) async -> HTTPAnswer {
        var answer = await content(request)
        answer.headers += Self.headers
        return answer
    }

    private func content(_ request: HTTPRequest) async -> HTTPAnswer {
        guard !isLoopback || Self.namesLoopback(request.host) else {
            return HTTPAnswer(.forbidden, "the request names another host than this machine; ask for localhost")
        }
        guard request.method == "GET" || request.method == "HEAD" else {
            var answer = HTTPAnswer(.methodNotAllowed, "only GET and HEAD")
            answer.headers.append(("Allow", "GET, HEAD"))
            return answer
        }
        switch request.path {
        case "/": return text(StatusPage.html, "text/html")
        case "/page.css": return text(StatusPage.style, "text/css")
        case "/page.js": return text(StatusPage.script, "text/javascript")
        case "/api/streams":
            return HTTPAnswer(type: "application/json", body: Data(inspection.snapshot().json().utf8))
        case "/metrics": return text(PrometheusText(inspection.snapshot()).text, "text/plain; version=0.0.4")
        case "/healthz":
            return inspection.illness.map { HTTPAnswer(.serviceUnavailable, $0) } ?? HTTPAnswer(.ok, "ok")
        case "/readyz":
            return inspection.isReady ? HTTPAnswer(.ok, "ready") : HTTPAnswer(.serviceUnavailable, "not ready")
        default: return await picture(request)
        }
    }

    /// `/streams/NAME/picture.jpg?width=640`.
    private func picture(_ request: HTTPRequest) async -> HTTPAnswer {
        let parts = request.components
        guard parts.count == 3, parts[0] == "streams", parts[2] == "picture.jpg" else {
            return HTTPAnswer(.notFound, "there is nothing here")
        }
        guard inspection.snapshot().streams.contains(where: { $0.name == parts[1] }) else {
            return HTTPAnswer(.notFound, "there is no such stream")
        }
        let width = request.parameter("width").flatMap { Int($0) } ?? 960
        // In steps, so that pages in windows of nearly the same size share pictures.
        let step = 160
        let steps = (min(1920, max(step, width)) + step - 1) / step
        guard let (jpeg, frame) = await inspection.picture(of: parts[1], maxWidth: steps * step) else {
            // The first look makes the stream draw; a picture comes with its next frame. To a browser that is no failure.
            return HTTPAnswer(.noContent, type: "image/jpeg", body: Data())
        }
        var answer = HTTPAnswer(type: "image/jpeg", body: Data(jpeg))
        answer.headers.append(("X-Frame-Number", String(frame)))
        return answer
    }

    private func text(_ body: String, _ type: String) -> HTTPAnswer {
        HTTPAnswer(type: "\(type); charset=utf-8", body: Data(body.utf8))
    }

    /// Whether a Host header (RFC 9110, section 7.2) means this machine; one that is missing was not sent by a browser.
    static func namesLoopback(_ header: String?) -> Bool {
        guard let header else { return true }
        let host: Substring
        let port: Substring
        if header.hasPrefix("[") {
            host = header.dropFirst().prefix { $0 != "]" }
            guard host.endIndex < header.endIndex else { return false }
            port = header.dropFirst(host.count + 2)
        } else {
            host = header.prefix { $0 != ":" }
            port = header.dropFirst(host.count)
        }
        guard port.isEmpty || (port.hasPrefix(":") && port.dropFirst().allSatisfy(\.isNumber)) else { return false }
        return StatusServer.isLoopback(host.lowercased())
    }
}
