import Foundation
import Testing

@testable import Service

@Suite("Secrets and variables of a configuration")
struct SecretTests {
    private func credentials(_ source: String, environment: [String: String] = [:]) throws -> Credentials {
        try #require(
            try configured("streams: [{name: a, source: \(source)}]", environment: environment).streams.first
        ).source.credentials
    }

    @Test("a URL's user and password leave the URL, decoded")
    func url() throws {
        let text = "streams: [{name: a, source: 'rtsp://us%40er:p%2Fss@w@cam:554/1?token=abc&x=1'}]"
        let source = try configured(text).streams[0].source
        #expect(source.url == "rtsp://cam:554/1?token=abc&x=1")
        #expect(source.credentials == Credentials(username: "us@er", password: Secret("p/ss@w")))
        #expect(source.redacted == "rtsp://cam:554/1?token=***&x=1")
    }

    @Test("passwords come from files and variables")
    func places() throws {
        let folder = try TemporaryFolder()
        let password = try folder.write("p w\n", to: "password")
        let pair = try folder.write("user:p:w\r\n", to: "pair")
        let expected = Credentials(username: "u", password: Secret("p w"))
        #expect(try credentials("{url: 'rtsp://c/', username: u, password_file: \(password)}") == expected)
        #expect(
            try credentials("{url: 'rtsp://c/', username: u, password: '${PW}'}", environment: ["PW": "p w"])
                == expected)
        let paired = Credentials(username: "user", password: Secret("p:w"))
        #expect(try credentials("{url: 'rtsp://c/', credentials: {file: \(pair)}}") == paired)
        #expect(
            try credentials(
                "{url: 'rtsp://c/', credentials: {environment: CAMERA}}", environment: ["CAMERA": "user:p:w"]) == paired
        )
    }

    @Test(
        "what cannot be right is refused without telling the secret",
        arguments: [
            (
                "{url: 'rtsp://c/', username: u, password: hunter2, password_file: f}",
                "password and password_file are given"
            ),
            ("{url: 'rtsp://c/', username: u, credentials: {environment: E}}", "credentials hold the user's name"),
            ("{url: 'rtsp://c/', credentials: {environment: NO}}", "the environment has no variable 'NO'"),
            ("{url: 'rtsp://c/', credentials: {environment: BARE}}", "must hold USER:PASSWORD"),
            ("{url: 'rtsp://c/', credentials: {}}", "must have one key, file or environment"),
            ("{url: 'rtsp://c/', username: u, password_file: /no}", "/no: there is no such file"),
            ("'rtsp://u:hunter2/x@cam/'", "'rtsp://***@cam/' has no host, or a port"),
        ])
    func refused(source: String, expected: String) {
        let found = complaintsOfFile(
            "streams: [{name: a, source: \(source)}]", environment: ["E": "a:hunter2", "BARE": "hunter2"])
        #expect(found.contains { $0.contains(expected) }, "\(found)")
        #expect(!found.joined().contains("hunter2"), "\(found)")
    }

    @Test("a configuration that is printed shows no password")
    func printing() throws {
        let configuration = try configured(
            """
            streams:
            - {name: a, source: 'rtsp://u:hunter2@c/', outputs: [{push: 'rtmp://u:hunter2@h/x'},
                {mqtt: {host: h, username: u, password: hunter2}}]}
            """)
        var text = "\(configuration) \(String(reflecting: configuration))"
        dump(configuration, to: &text)
        #expect(text.contains("***") && !text.contains("hunter2"))
    }

    @Test("a password that everybody can read is warned of, unless it comes from elsewhere")
    func warning() throws {
        func warnings(_ source: String, readable: Bool = true) throws -> [String] {
            try configured(
                "streams: [{name: a, source: \(source)}]", environment: ["PW": "x"], isWorldReadable: readable
            ).warnings.map(\.description)
        }
        let plain = "{url: 'rtsp://c/', username: u, password: hunter2}"
        #expect(try warnings(plain).first?.hasPrefix("/nowhere/c.yaml:1:") == true)
        #expect(try warnings(plain).first?.contains("everybody on this machine can read the password here") == true)
        #expect(try warnings("'rtsp://u:p@c/'").count == 1)
        #expect(try warnings(plain, readable: false).isEmpty)
        #expect(try warnings("{url: 'rtsp://c/', username: u, password: '${PW}'}").isEmpty)
    }

    @Test("a page that others can reach is warned of")
    func openPage() throws {
        let warnings = try configured("http: 0.0.0.0:80\nstreams: [{name: a, source: test:shapes}]").warnings
        #expect(warnings.count == 1 && warnings[0].line == 1)
    }

    @Test(
        "a variable that is not there or not written as one is refused with its line",
        arguments: [
            (
                "classes: ['${NO}']",
                "4:13: classes: the environment has no variable NO; set it, or write ${NO:-DEFAULT}"
            ),
            ("classes: ['${A']", "4:13: classes: a variable's ${ lacks its }"),
            ("classes: ['${A B}']", "4:13: classes: 'A B' is no variable's name"),
        ])
    func wrongVariables(lines: String, expected: String) {
        let found = complaints(lines, environment: ["A": "1"])
        #expect(found.count == 1 && found[0].hasPrefix(expected), "\(found)")
    }

    @Test("a number can come from a variable, and a wrong one is not shown")
    func numbers() throws {
        #expect(try stream("max_fps: ${N}", environment: ["N": "5"]).maximumRate == 5)
        #expect(try stream("max_fps: \"${N}\"", environment: ["N": "5"]).maximumRate == 5)
        let found = complaints("max_fps: ${N}", environment: ["N": "hunter2"])
        #expect(found.count == 1 && found[0].contains("max_fps is '${N}'"), "\(found)")
    }
}
