import Foundation
import Testing

@testable import Tensors

@Suite struct EngineTests {
    @Test func `the environment's instructions are those that run`() {
        let wanted = ProcessInfo.processInfo.environment["SEGMENTD_SIMD"]
        #expect(Compute.engine == wanted ?? Compute.engines[0])
        #expect(Compute.engines.suffix(2) == ["portable", "openblas"])
    }
}
