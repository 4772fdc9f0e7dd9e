import Foundation
import Locks
import RandomNumbers

/// Reads and changes pictures ahead of the training, on threads of its own, in an order that follows from a seed.
///
/// Picture by picture of all epochs in one row: which comes at which place, and how it is changed, depends on the seed and the place alone,
/// so that a run can begin anywhere. At most `ahead` pictures wait.
public final class PictureLoader: Sendable {
    /// A picture as a step takes it.
    public struct Loaded: Sendable {
        public var picture: TrainingPicture
        /// What its shorter side becomes; nil for the model's own.
        public var minSize: Int?
    }

    private struct State {
        /// The next place that nobody reads yet, and that is given out next.
        var unread: Int
        var wanted: Int
        var ready: [Int: Result<Loaded, any Error>] = [:]
        var isStopping = false
        /// The order of the epochs that are being read.
        var orders: [Int: [Int]] = [:]
    }

    private let source: any PictureSource
    private let augmentation: Augmentation
    private let seed: UInt64
    private let state: Monitor<State>

    /// Begins to read.
    ///
    /// - Parameters:
    ///   - first: The place in the row at which to begin.
    ///   - threads: How many read.
    ///   - ahead: How many pictures may wait.
    /// - Throws: `NamedThread.Failure`.
    public init(
        _ source: any PictureSource, augmentation: Augmentation, seed: UInt64, first: Int, threads: Int, ahead: Int
    ) throws {
        precondition(source.count > 0 && threads > 0, "pictures to read, and somebody who reads")
        self.source = source
        self.augmentation = augmentation
        self.seed = seed
        let state = Monitor(State(unread: first, wanted: first))
        self.state = state
        for number in 0..<threads {
            try NamedThread(name: "loader-\(number)") { [weak self] in
                while true {
                    let place = state.update(when: { $0.isStopping || $0.unread < $0.wanted + max(ahead, 1) }) {
                        state, _ -> Int? in
                        guard !state.isStopping else { return nil }
                        defer { state.unread += 1 }
                        return state.unread
                    }
                    guard let place, let self else { return }
                    let loaded = Result { try self.load(place) }
                    state.update { $0.ready[place] = loaded }
                }
            }
        }
    }

    deinit { stop() }

    /// Ends the threads.
    public func stop() { state.update { $0.isStopping = true } }

    /// The next picture of the row; waits for it.
    ///
    /// - Throws: What its file threw.
    public func next() throws -> Loaded {
        let result = state.update(when: { $0.ready[$0.wanted] != nil }) { state, _ in
            defer { state.wanted += 1 }
            return state.ready.removeValue(forKey: state.wanted)
        }
        guard let result else { preconditionFailure("a picture is ready") }
        return try result.get()
    }

    private func load(_ place: Int) throws -> Loaded {
        let (epoch, index) = (place / source.count, place % source.count)
        let picture = try source.picture(order(epoch)[index])
        var random = SplitMix64(seed: seed, part: 1, UInt64(place))
        let (changed, minSize) = augmentation(picture, using: &random)
        return Loaded(picture: changed, minSize: minSize)
    }

    /// The pictures of an epoch, each once, in an order of its own.
    private func order(_ epoch: Int) -> [Int] {
        if let known = state.withLock({ $0.orders[epoch] }) { return known }
        var random = SplitMix64(seed: seed, part: 0, UInt64(epoch))
        let order = Array(0..<source.count).shuffled(using: &random)
        state.withLock { state in
            state.orders = state.orders.filter { $0.key >= epoch - 1 }
            state.orders[epoch] = order
        }
        return order
    }
}
