import Glibc

/// The name of the thread that calls, for debuggers and `top -H`; the kernel keeps 15 bytes.
package enum ThreadName {
    /// Names the thread for good.
    package static func set(_ name: String) {
        withFile(O_WRONLY) { write(name, to: $0) }
    }

    /// Names the thread while the body runs.
    package static func with(_ name: String, _ body: () -> Void) {
        var previous = [UInt8](repeating: 0, count: 16)
        var length = 0
        withFile(O_RDWR) { file in
            length = max(0, read(file, &previous, previous.count))
            // The kernel ends the name with a line.
            if length > 0, previous[length - 1] == 10 { length -= 1 }
            write(name, to: file)
        }
        body()
        if length > 0 { withFile(O_WRONLY) { _ = Glibc.write($0, previous, length) } }
    }

    private static func write(_ name: String, to file: CInt) {
        var short = name
        while short.utf8.count > 15 { short.removeLast() }
        _ = Glibc.write(file, short, short.utf8.count)
    }

    /// glibc shows its call for this only to C programs that ask for GNU extensions; the kernel's file does the same.
    private static func withFile(_ mode: CInt, _ body: (CInt) -> Void) {
        let file = open("/proc/thread-self/comm", mode | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        body(file)
    }
}
