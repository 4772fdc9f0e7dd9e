import Glibc

/// A thread of its own for work that may wait as long as it likes.
enum NamedThread {
    private final class Work {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts a thread that ends with the body, and gives it a name for debuggers and `top -H`, of which the kernel keeps 15
    /// bytes.
    ///
    /// - Throws: `VideoError.refused` where the system gives no more threads.
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        let work = Unmanaged.passRetained(Work(name: name, body: body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            { pointer in
                guard let pointer else { return nil }
                let work = Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue()
                NamedThread.setName(work.name)
                work.body()
                return nil
            }, work.toOpaque())
        guard code == 0 else {
            work.release()
            throw VideoError.refused(
                path: name, what: "the system gives no thread", reason: String(cString: strerror(code)))
        }
    }

    private static func setName(_ name: String) {
        // glibc shows its call for this only to C programs that ask for GNU extensions; the kernel's file does the same.
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        var short = name
        while short.utf8.count > 15 { short.removeLast() }
        write(file, short, short.utf8.count)
    }
}
