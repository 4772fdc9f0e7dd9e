import Logging

extension StatusServer {
    /// Brings the status page to the address that a configuration names, or ends it.
    ///
    /// The old server answers until the new one does, and goes on where the new one cannot begin. Only on one and the same port does it
    /// stop first, since there all addresses of a machine exclude each of them; it begins again where the new one fails. What has failed
    /// is tried again with every call, whether or not the address has changed meanwhile.
    ///
    /// - Parameters:
    ///   - running: The server that answers now; nil for none.
    ///   - address: Nil for none.
    /// - Returns: The server that answers from now on.
    static func exchange(
        _ running: StatusServer?, for address: ServiceConfiguration.HTTP?, inspection: any ServiceInspection,
        logger: Logger
    ) async -> StatusServer? {
        guard let address else {
            await running?.stop()
            return nil
        }
        if let running, running.isMeant(by: address) { return running }
        let sharesPort = running?.port == address.port
        do {
            let server = try StatusServer(
                host: address.host, port: address.port, inspection: inspection, logger: logger)
            if sharesPort { await running?.stop() }
            try await server.start()
            if !sharesPort { await running?.stop() }
            return server
        } catch {
            logger.error("the status page does not answer at its new address", metadata: ["reason": "\(error)"])
        }
        guard sharesPort, let running else { return running }
        do {
            // Where the server was not even made, the old one still runs, and this ends it first.
            await running.stop()
            try await running.start()
            return running
        } catch {
            logger.error("the status page does not answer", metadata: ["reason": "\(error)"])
            return nil
        }
    }
}
