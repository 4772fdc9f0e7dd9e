import CMosquitto
import Glibc

/// One client of an MQTT broker: libmosquitto behind a type that owns its memory.
///
/// Every call is made by one thread; the library's callbacks come inside of these calls. The library's own loop is not used, since it cannot
/// wait for descriptors above 1023 or for anything else than its socket.
final class MQTTClient {
    /// Why there is no connection, in words.
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// What a message is for.
    struct Message {
        var topic: String
        var payload: ArraySlice<UInt8>
        var isRetained = false
    }

    /// Whether the broker has accepted the connection.
    private(set) var isConnected = false
    /// Identifiers of messages that the broker has confirmed since this was last emptied.
    var confirmed: [Int32] = []

    private let options: MQTTOptions
    private let handle: OpaquePointer
    private var wasConnected = false
    /// What the broker answered when it turned us away.
    private var refusal: String?
    /// The library's last complaint, which says more than its codes.
    private var complaint: String?

    /// The library is made ready once in a process, and never put away.
    private static let library = mosquitto_lib_init()

    /// - Parameter will: What the broker publishes when this client vanishes.
    /// - Throws: `OutputError.wrongOption`.
    init(options: MQTTOptions, will: Message) throws {
        _ = Self.library
        guard let handle = mosquitto_new(options.clientID, false, nil) else {
            throw OutputError.refused(action: "make a client", name: options.host, reason: systemReason(errno))
        }
        self.handle = handle
        self.options = options
        mosquitto_user_data_set(handle, Unmanaged.passUnretained(self).toOpaque())
        setCallbacks()
        mosquitto_int_option(handle, MOSQ_OPT_SEND_MAXIMUM, CInt(options.maxInFlight))
        mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1)
        try require("client_id or user", mosquitto_username_pw_set(handle, options.username, options.password))
        let result = will.payload.withUnsafeBytes { bytes in
            mosquitto_will_set(handle, will.topic, CInt(bytes.count), bytes.baseAddress, 1, will.isRetained)
        }
        try require("topic", result)
        if let tls = options.tls { try set(tls) }
    }

    deinit { mosquitto_destroy(handle) }

    private func set(_ tls: MQTTOptions.TLS) throws {
        guard let authorities = tls.caFile ?? MQTTOptions.TLS.systemAuthorities else {
            throw OutputError.wrongOption(
                option: "tls ca", reason: "the system has no certificates; install ca-certificates or name a file")
        }
        // Without the last argument, OpenSSL would ask for a key's password on the terminal.
        let result = mosquitto_tls_set(handle, authorities, nil, tls.certificate, tls.key, { _, _, _, _ in 0 })
        try require("tls", result)
        try require("tls", mosquitto_tls_insecure_set(handle, tls.isInsecure))
    }

    private func require(_ option: String, _ code: CInt) throws {
        guard code != 0 else { return }
        throw OutputError.wrongOption(option: option, reason: Self.words(code))
    }

    // MARK: Connecting

    /// Begins a connection; `isConnected` tells when the broker has accepted it. Waits for name servers and for TCP.
    ///
    /// - Throws: `Failure`.
    func connect() throws {
        (isConnected, refusal, complaint) = (false, nil, nil)
        let code =
            wasConnected
            ? mosquitto_reconnect(handle)
            : mosquitto_connect(handle, options.host, CInt(options.port), CInt(options.keepAlive.components.seconds))
        wasConnected = true
        if code != 0 { throw failure(code) }
    }

    /// Waits until there is something to do or the time is over, and does it.
    ///
    /// - Parameter wakeup: A descriptor that ends the wait when it can be read.
    /// - Throws: `Failure` where the connection is over.
    func serve(wakeup: CInt, milliseconds: CInt) throws {
        let socket = mosquitto_socket(handle)
        var events = POLLIN
        if mosquitto_want_write(handle) { events |= POLLOUT }
        var polled = [
            pollfd(fd: wakeup, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket, events: Int16(events), revents: 0),
        ]
        poll(&polled, 2, milliseconds)
        guard socket >= 0 else { return }
        let ready = CInt(polled[1].revents)
        var code: CInt = 0
        if ready & ~POLLOUT != 0 { code = mosquitto_loop_read(handle, 1) }
        if code == 0, ready & POLLOUT != 0 { code = mosquitto_loop_write(handle, 1) }
        // Pings, and the broker's silence.
        if code == 0 { code = mosquitto_loop_misc(handle) }
        if code != 0 || mosquitto_socket(handle) < 0 {
            isConnected = false
            throw failure(code)
        }
    }

    /// Says goodbye, so that the broker does not publish the will.
    func disconnect() {
        isConnected = false
        mosquitto_disconnect(handle)
    }

    // MARK: Publishing

    /// Hands a message to the library, which sends it again after a new connection until the broker has confirmed it.
    ///
    /// - Returns: The identifier under which it will be confirmed.
    /// - Throws: `Failure` where this message cannot be sent at all.
    func publish(_ message: Message, qualityOfService: Int) throws -> Int32 {
        var identifier: Int32 = 0
        let code = message.payload.withUnsafeBytes { bytes in
            mosquitto_publish(
                handle, &identifier, message.topic, CInt(clamping: bytes.count), bytes.baseAddress,
                CInt(qualityOfService), message.isRetained)
        }
        switch mosq_err_t(rawValue: code) {
        case MOSQ_ERR_INVAL, MOSQ_ERR_NOMEM, MOSQ_ERR_PAYLOAD_SIZE, MOSQ_ERR_MALFORMED_UTF8, MOSQ_ERR_QOS_NOT_SUPPORTED,
            MOSQ_ERR_OVERSIZE_PACKET:
            throw Failure(description: Self.words(code))
        // Faults of the connection are found by `serve`; the library has the message.
        default: return identifier
        }
    }

    // MARK: Callbacks

    private static func client(_ context: UnsafeMutableRawPointer?) -> MQTTClient? {
        context.map { Unmanaged<MQTTClient>.fromOpaque($0).takeUnretainedValue() }
    }

    private func setCallbacks() {
        mosquitto_connect_callback_set(handle) { _, context, code in
            guard let client = MQTTClient.client(context) else { return }
            client.isConnected = code == 0
            if code != 0 { client.refusal = String(cString: mosquitto_connack_string(code)) }
        }
        mosquitto_disconnect_callback_set(handle) { _, context, _ in MQTTClient.client(context)?.isConnected = false }
        mosquitto_publish_callback_set(handle) { _, context, identifier in
            MQTTClient.client(context)?.confirmed.append(identifier)
        }
        mosquitto_log_callback_set(handle) { _, context, level, text in
            guard level & CInt(MOSQ_LOG_ERR) != 0, let text else { return }
            MQTTClient.client(context)?.complaint = String(cString: text)
        }
    }

    private func failure(_ code: CInt) -> Failure {
        // Taken first: what follows may change it.
        let systemCode = errno
        if let refusal { return Failure(description: refusal) }
        var text = Self.words(code)
        switch mosq_err_t(rawValue: code) {
        case MOSQ_ERR_ERRNO: text = systemReason(systemCode)
        case MOSQ_ERR_EAI: text = "the host's name is not known"
        case MOSQ_ERR_SUCCESS, MOSQ_ERR_CONN_LOST, MOSQ_ERR_NO_CONN: text = "the connection was lost"
        default: break
        }
        if let complaint { text += " (\(complaint))" }
        return Failure(description: text)
    }

    private static func words(_ code: CInt) -> String { String(cString: mosquitto_strerror(code)) }
}
