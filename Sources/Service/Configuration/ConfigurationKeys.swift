import Configuration

/// Every key that a configuration may have, by the mapping that it stands in.
enum ConfigurationKeys {
    enum Service: String, ConfigurationKey {
        case model, http, log, threads, precision
        case stopTimeout = "stop_timeout"
        case defaults, streams
        static let section = "service"
    }

    enum HTTP: String, ConfigurationKey {
        case address
        static let section = "http"
    }

    enum Log: String, ConfigurationKey {
        case level, format
        static let section = "log"
    }

    enum Stream: String, ConfigurationKey {
        case name, source, threshold, classes, policy
        case maximumRate = "max_fps"
        case motionGate = "motion_gate"
        case tracker, annotate, encoding, zones, lines, events, frames, outputs
        static let section = "stream"
    }

    enum Source: String, ConfigurationKey {
        case url, transport, username, password
        case passwordFile = "password_file"
        case credentials
        case openTimeout = "open_timeout"
        case readTimeout = "read_timeout"
        case reconnect, loop
        case nativeRate = "native_rate"
        case options, camera
        static let section = "source"
    }

    enum Credentials: String, ConfigurationKey {
        case file, environment
        static let section = "credentials"
    }

    enum Reconnect: String, ConfigurationKey {
        case initial, maximum, attempts
        static let section = "reconnect"
    }

    enum Camera: String, ConfigurationKey {
        case format, size, rate
        static let section = "camera"
    }

    enum MotionGate: String, ConfigurationKey {
        case threshold, area, refresh
        static let section = "motion_gate"
    }

    /// The names of `TrackerConfiguration`.
    enum Tracker: String, ConfigurationKey {
        case trackHighThreshold = "track_high_thresh"
        case trackLowThreshold = "track_low_thresh"
        case newTrackThreshold = "new_track_thresh"
        case matchThreshold = "match_thresh"
        case trackBuffer = "track_buffer"
        case classAware = "class_aware"
        case duplicateThreshold = "duplicate_thresh"
        case maskIoU = "mask_iou"
        static let section = "tracker"
    }

    enum Annotation: String, ConfigurationKey {
        case masks, boxes, labels, opacity
        static let section = "annotate"
    }

    enum Encoding: String, ConfigurationKey {
        case codec, quality, preset
        static let section = "encoding"
    }

    enum Zone: String, ConfigurationKey {
        case name, polygon, units, classes, dwell
        static let section = "zone"
    }

    enum Line: String, ConfigurationKey {
        case name, from, to, units, classes
        static let section = "line"
    }

    enum Events: String, ConfigurationKey {
        case update
        case lostAfter = "lost_after"
        case anchor, margin
        static let section = "events"
    }

    enum Output: String, ConfigurationKey {
        case socket, json, record, hls, push, mqtt
        static let section = "output"
    }

    enum Socket: String, ConfigurationKey {
        case path, mode, owner, group, queue
        case queueSize = "queue_size"
        static let section = "socket"
    }

    enum Lines: String, ConfigurationKey {
        case path, rotate, fsync
        static let section = "json"
    }

    enum Rotation: String, ConfigurationKey {
        case size, every, keep
        static let section = "rotate"
    }

    enum Recording: String, ConfigurationKey {
        case directory, segment, keep
        case maximumSize = "max_size"
        static let section = "record"
    }

    enum HLS: String, ConfigurationKey {
        case directory, segment, window
        static let section = "hls"
    }

    enum Push: String, ConfigurationKey {
        case url, username, password
        case passwordFile = "password_file"
        case credentials, timeout, reconnect
        static let section = "push"
    }

    enum MQTT: String, ConfigurationKey {
        case host, port, topic, qos
        case clientID = "client_id"
        case username, password
        case passwordFile = "password_file"
        case credentials, tls, keepalive, queue
        case queueSize = "queue_size"
        static let section = "mqtt"
    }

    enum TLS: String, ConfigurationKey {
        case ca, certificate, key
        static let section = "tls"
    }

    /// All of them, by section.
    static let all: [String: [String]] = {
        func entry<Key: ConfigurationKey>(_: Key.Type) -> (String, [String]) { (Key.section, Key.names) }
        return Dictionary(uniqueKeysWithValues: [
            entry(Service.self), entry(HTTP.self), entry(Log.self), entry(Stream.self), entry(Source.self),
            entry(Credentials.self), entry(Reconnect.self), entry(Camera.self), entry(MotionGate.self),
            entry(Tracker.self), entry(Annotation.self), entry(Encoding.self), entry(Zone.self), entry(Line.self),
            entry(Events.self), entry(Output.self), entry(Socket.self), entry(Lines.self), entry(Rotation.self),
            entry(Recording.self), entry(HLS.self), entry(Push.self), entry(MQTT.self), entry(TLS.self),
        ])
    }()
}
