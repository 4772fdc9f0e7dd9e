import Configuration
import Outputs
import Video
import Yams

/// What streams cannot have in common.
extension ServiceConfiguration {
    /// Sees to it that no two streams read what only one can.
    static func checkSources(
        of streams: [(settings: StreamSettings, node: Node)], _ reader: ConfigurationReader
    ) {
        var owners: [String: String] = [:]
        for (settings, node) in streams {
            let (resource, advice): (String, String)
            switch (try? SourceAddress(settings.source.url))?.kind {
            case .standardInput: (resource, advice) = ("standard input", "give one of them another source")
            case .camera(let path):
                (resource, advice) = ("the camera \(path)", "put both streams' outputs, zones and lines into one")
            case .url, .path, .pattern, .shapes, nil: continue
            }
            if let owner = owners[resource] {
                reader.report(
                    node,
                    "two streams, \(owner) and \(settings.name), read \(resource), which only one can; \(advice)")
            }
            owners[resource] = settings.name
        }
    }

    /// Sees to it that no two outputs write to one place.
    static func checkTargets(
        of streams: [(settings: StreamSettings, node: Node)], _ reader: ConfigurationReader
    ) {
        var owners: [String: String] = [:]
        var sockets: [String: StreamOutput.Socket] = [:]
        for (settings, node) in streams {
            var own = Set<String>()
            for output in settings.outputs {
                let isNew = own.insert(output.target).inserted
                if let target = output.exclusiveTarget, target != "-", let owner = owners[target], isNew {
                    reader.report(
                        node,
                        "two outputs write to \(SourceAddress.redacted(target)), of the streams \(owner) and "
                            + "\(settings.name); give each its own, such as with {stream} in the name"
                    )
                } else if !isNew {
                    reader.report(node, "the stream \(settings.name) has the output \(output.target) twice")
                }
                if let target = output.exclusiveTarget { owners[target] = settings.name }
                if case .socket(let socket) = output,
                    sockets.updateValue(socket, forKey: socket.path) ?? socket != socket
                {
                    reader.report(
                        node, "streams share the socket \(socket.path), but not all its settings; make them the same")
                }
            }
        }
    }

    /// Sees to it that no two outputs are one client of a broker, or publish under one topic.
    static func checkBrokers(
        of streams: [(settings: StreamSettings, node: Node)], _ reader: ConfigurationReader
    ) {
        var (clients, topics): ([String: String], [String: String]) = ([:], [:])
        for (settings, node) in streams {
            for case .mqtt(let mqtt) in settings.outputs {
                let broker = "\(mqtt.host.lowercased()):\(mqtt.port)"
                let client = mqtt.clientID ?? MQTTOptions(host: mqtt.host, stream: settings.name).clientID
                if let owner = clients.updateValue(settings.name, forKey: "\(broker) \(client)") {
                    let advice =
                        owner == settings.name
                        ? "give each a client_id of its own"
                        : "give each a client_id of its own, such as with {stream} in it, or leave it out"
                    reader.report(
                        node,
                        "two outputs have the client_id \(shown(client)) at the broker \(broker), of the streams \(owner) and "
                            + "\(settings.name), and would throw each other out; \(advice)")
                }
                // Twice in one stream, it is an output that the stream has twice.
                if let owner = topics.updateValue(settings.name, forKey: "\(broker) \(mqtt.topic)"),
                    owner != settings.name
                {
                    reader.report(
                        node,
                        "two outputs write to the topic \(mqtt.topic) of the broker \(broker), of the streams \(owner) and "
                            + "\(settings.name); give each its own, such as with {stream} in the name")
                }
            }
        }
    }
}
