import Configuration
import Instances
import Video

extension ServiceConfiguration {
    /// Checks what depends on the model: the classes that streams, zones and lines name.
    ///
    /// - Throws: `ConfigurationError` with every name that the model does not know.
    public func check(categories: [Category]) throws {
        let lookup = ClassLookup(categories)
        var issues: [ConfigurationError.Issue] = []
        for stream in streams {
            for names in [stream.classes] + stream.zones.map(\.classes) + stream.lines.map(\.classes) {
                do { _ = try lookup.ids(names) } catch let error as ConfigurationError { issues += error.issues }
            }
        }
        let kept = ConfigurationReader.maximumIssues
        if !issues.isEmpty {
            throw ConfigurationError(Array(issues.prefix(kept)), omitted: max(0, issues.count - kept))
        }
    }

    /// What the configuration comes to, as a table for people; no secrets are in it.
    ///
    /// - Parameter model: The model's file.
    public func summary(model: String) -> String {
        let page = http.map { "http://\($0.host.contains(":") ? "[\($0.host)]" : $0.host):\($0.port)/" } ?? "off"
        let head = [
            "\(file): \(streams.count == 1 ? "1 stream" : "\(streams.count) streams")",
            "model \(model), \(precision.rawValue), \(threads.map { "\($0) threads" } ?? "a thread a processor")",
            "page \(page)", "",
        ]
        var rows = [["NAME", "POLICY", "SOURCE", "OUTPUTS"]]
        for stream in streams {
            let isLive = (try? SourceAddress(stream.source.url))?.isLive ?? true
            let outputs = stream.outputs.map(\.target)
            rows.append([
                stream.name, stream.policy(isLive: isLive).rawValue, stream.source.redacted, outputs.first ?? "none",
            ])
            rows += outputs.dropFirst().map { ["", "", "", $0] }
        }
        let widths = (0..<3).map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            let padded = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return (padded + [row[3]]).joined(separator: "  ")
        }
        return (head + lines).joined(separator: "\n")
    }
}
