import Glibc

/// How a socket for consumers is made, and what it holds for each.
public struct SocketOptions: Sendable, Equatable {
    /// Permissions of the socket's file; whoever may write may connect.
    public var mode: UInt32 = 0o660
    /// The file's user, by name or number; the process's own if nil.
    public var owner: String?
    /// The file's group, by name or number; the process's own if nil.
    public var group: String?
    /// The most clients at once.
    public var maxClients = 1000
    /// What may wait for one client.
    public var queue = QueueLimit(records: 256, bytes: 8 << 20)

    public init() {}

    /// The number of a user.
    ///
    /// - Throws: `OutputError.unknownAccount`.
    static func userID(_ name: String) throws -> uid_t {
        if let number = uid_t(name) { return number }
        var (entry, found) = (passwd(), UnsafeMutablePointer<passwd>?.none)
        var buffer = [CChar](repeating: 0, count: 1 << 14)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else {
            throw OutputError.unknownAccount(kind: "user", name: name)
        }
        return entry.pw_uid
    }

    /// The number of a group.
    ///
    /// - Throws: `OutputError.unknownAccount`.
    static func groupID(_ name: String) throws -> gid_t {
        if let number = gid_t(name) { return number }
        var (entry, found) = (Glibc.group(), UnsafeMutablePointer<Glibc.group>?.none)
        var buffer = [CChar](repeating: 0, count: 1 << 16)
        guard getgrnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else {
            throw OutputError.unknownAccount(kind: "group", name: name)
        }
        return entry.gr_gid
    }
}
