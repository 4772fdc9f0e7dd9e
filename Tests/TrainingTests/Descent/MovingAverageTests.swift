import Testing

@testable import MaskRCNN
@testable import Tensors
@testable import Training

@Suite struct MovingAverageTests {
    /// The parameters of a small network.
    private func store() throws -> ParameterStore {
        let store = ParameterStore(
            Network(try TinyTraining().configuration), freezing: .init(stages: 0, batchNorm: false))
        store.initialize(seed: 4)
        return store
    }

    @Test func `an average of what does not change is that`() throws {
        let store = try store()
        let average = MovingAverage(store, decay: 0.99, Compute(threads: 1))
        for _ in 0..<20 { average.update() }
        for (parameter, value) in average.averages {
            // A mix of a number with itself rounds in the last bit, twenty times.
            let isNear = zip(value.elements, parameter.value.elements).allSatisfy { abs($0 - $1) <= 1e-5 * abs($1) }
            #expect(isNear, "\(parameter.name)")
        }
    }

    @Test func `each step leaves its part of what was before`() throws {
        let store = try store()
        let parameter = try #require(store.trainable.last)
        func set(_ value: Float) { parameter.set([Float](repeating: value, count: parameter.elements.count)) }
        set(8)
        let average = MovingAverage(store, decay: 0.5, Compute(threads: 1))
        var expected = 8.0
        for step in 1...12 {
            set(Float(step))
            average.update()
            let kept = min(0.5, Double(1 + step) / Double(10 + step))
            expected = kept * expected + (1 - kept) * Double(step)
            let found = try #require(average.averages.first { $0.parameter.name == parameter.name }).value.elements
            // Single precision against double.
            #expect(found.allSatisfy { abs(Double($0) - expected) < 1e-5 })
        }
        #expect(average.steps == 12)
    }

    @Test func `what was taken out can be put into another`() throws {
        let store = try store()
        let average = MovingAverage(store, decay: 0.5, Compute(threads: 1))
        let other = MovingAverage(store, decay: 0.5, Compute(threads: 1))
        for parameter in store.parameters { parameter.set(parameter.elements.map { 2 * $0 }) }
        average.update()
        for (parameter, value) in average.averages { other.set(parameter.ordered(value), of: parameter.name) }
        for (a, b) in zip(average.averages, other.averages) { #expect(a.value.elements == b.value.elements) }
    }
}
