import Foundation
import Glibc

/// Tells systemd how the service is (sd_notify(3)), where systemd asked to be told; otherwise it does nothing.
struct SystemdNotifier: Sendable {
    /// The socket that `NOTIFY_SOCKET` names: a path, or a name in the abstract space after `@`.
    private let address: String?
    /// How long systemd waits for a sign of life before it ends the service; nil where it does not wait.
    let watchdogInterval: Duration?

    init(environment: [String: String] = ProcessInfo.processInfo.environment, process: pid_t = getpid()) {
        address = environment["NOTIFY_SOCKET"].flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        let isMeant = environment["WATCHDOG_PID"].map { $0 == String(process) } ?? true
        watchdogInterval =
            environment["WATCHDOG_USEC"].flatMap { Int($0) }.flatMap { microseconds in
                isMeant && microseconds > 0 ? .microseconds(microseconds) : nil
            }
    }

    /// The service does its work.
    func ready() { send("READY=1") }

    /// One line for `systemctl status`.
    func status(_ text: String) {
        send("STATUS=" + text.map { $0.isNewline ? " " : String($0) }.joined())
    }

    /// A sign of life.
    func watchdog() { send("WATCHDOG=1") }

    /// The service reads its configuration again; `ready` ends it.
    func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        send("RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
    }

    /// The service ends, in order.
    func stopping() { send("STOPPING=1") }

    /// One datagram; a manager that does not listen is no reason to stop.
    private func send(_ message: String) {
        guard let address else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(address.utf8)
        if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
        guard bytes.count < MemoryLayout.size(ofValue: name.sun_path) else { return }
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
        // An abstract name is as long as it is said to be, and has no zero at its end.
        let length = MemoryLayout<sa_family_t>.size + bytes.count + (bytes[0] == 0 ? 0 : 1)
        withUnsafePointer(to: &name) { name in
            name.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                _ = sendto(
                    descriptor, message, message.utf8.count, Int32(MSG_NOSIGNAL), name, socklen_t(length))
            }
        }
    }
}
