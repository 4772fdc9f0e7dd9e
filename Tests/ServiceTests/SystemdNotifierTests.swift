import Foundation
import Glibc
import Testing

@testable import Service

@Suite("The notifier of systemd")
struct SystemdNotifierTests {
    /// A datagram socket as systemd has it.
    private final class Manager {
        let descriptor: CInt
        let path = NSTemporaryDirectory() + "segmentd-\(UUID().uuidString.prefix(8))"

        init() throws {
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            let code = withUnsafePointer(to: &name) { name in
                name.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            try #require(code == 0)
        }

        deinit {
            close(descriptor)
            unlink(path)
        }

        func next() -> String {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        }
    }

    @Test("says what it is told, a datagram each")
    func messages() throws {
        let manager = try Manager()
        let notifier = SystemdNotifier(environment: ["NOTIFY_SOCKET": manager.path])
        notifier.ready()
        notifier.status("2 streams,\nall well")
        notifier.watchdog()
        notifier.reloading()
        notifier.stopping()
        #expect(manager.next() == "READY=1")
        #expect(manager.next() == "STATUS=2 streams, all well")
        #expect(manager.next() == "WATCHDOG=1")
        #expect(manager.next().hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
        #expect(manager.next() == "STOPPING=1")
    }

    @Test("does nothing where nobody asked")
    func nobody() {
        for environment in [[:], ["NOTIFY_SOCKET": ""], ["NOTIFY_SOCKET": "relative"], ["NOTIFY_SOCKET": "/nowhere/x"]]
        {
            SystemdNotifier(environment: environment).ready()
        }
    }

    @Test("knows the watchdog's time where it is meant for this process")
    func watchdog() {
        func interval(_ environment: [String: String]) -> Duration? {
            SystemdNotifier(environment: environment, process: 42).watchdogInterval
        }
        #expect(interval(["WATCHDOG_USEC": "30000000"]) == .seconds(30))
        #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"]) == .seconds(30))
        #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"]) == nil)
        #expect(interval(["WATCHDOG_USEC": "x"]) == nil)
        #expect(interval([:]) == nil)
    }
}
