import Testing

@testable import Training

/// The numbers are `optimizer.param_groups[0]["lr"]` of PyTorch 2.13 before each step, with a rate of 0.02.
struct ScheduleTests {
    private func rates(_ schedule: Schedule, _ count: Int) -> [Float] { (0..<count).map(schedule.rate(at:)) }

    /// PyTorch multiplies the last rate again and again, in double precision; one rounding to single is what differs.
    private func agree(_ found: [Float], _ expected: [Double]) -> Bool {
        found.count == expected.count && zip(found, expected).allSatisfy { abs(Double($0) - $1) <= 1e-7 * $1 + 1e-12 }
    }

    @Test func `steps after a warm-up are LinearLR's with MultiStepLR's`() {
        var schedule = Schedule(rate: 0.02, iterations: 13)
        schedule.warmup = 5
        #expect(schedule.decay == .steps([8, 11], factor: 0.1))
        // LinearLR(start_factor=1/1000, total_iters=5) and MultiStepLR(milestones=[8, 11], gamma=0.1).
        let expected = [
            2e-5, 0.004016, 0.008012, 0.012008, 0.016004, 0.02, 0.02, 0.02, 0.002, 0.002, 0.002, 0.0002, 0.0002,
        ]
        #expect(agree(rates(schedule, 13), expected), "\(rates(schedule, 13))")
    }

    @Test func `a step inside the warm-up counts from there on`() {
        var schedule = Schedule(rate: 0.02, iterations: 10)
        schedule.warmup = 5
        schedule.decay = .steps([3, 8], factor: 0.5)
        let expected = [2e-5, 0.004016, 0.008012, 0.006004, 0.008002, 0.01, 0.01, 0.01, 0.005, 0.005]
        #expect(agree(rates(schedule, 10), expected), "\(rates(schedule, 10))")
    }

    @Test func `a cosine after a warm-up is LinearLR's followed by CosineAnnealingLR's`() {
        var schedule = Schedule(rate: 0.02, iterations: 16)
        schedule.warmup = 4
        schedule.decay = .cosine
        // SequentialLR with LinearLR(start_factor=1/1000, total_iters=4) and CosineAnnealingLR(T_max=12), milestones=[4].
        let expected = [
            2e-5, 0.005015, 0.01001, 0.015005, 0.02, 0.019659258262890684, 0.01866025403784439, 0.017071067811865473,
            0.015, 0.012588190451025208, 0.01, 0.007411809548974794, 0.005, 0.0029289321881345257,
            0.001339745962155613, 0.00034074173710931806, 0,
        ]
        #expect(agree(rates(schedule, 17), expected), "\(rates(schedule, 17))")
        #expect(schedule.rate(at: 1000) == 0)
    }

    @Test func `without a warm-up the first iteration has the whole rate`() {
        var schedule = Schedule(rate: 0.5, iterations: 100)
        schedule.warmup = 0
        #expect(schedule.rate(at: 0) == 0.5)
        schedule.decay = .cosine
        #expect(schedule.rate(at: 0) == 0.5)
    }

    @Test(arguments: [
        (10_000, 1000, [6153, 8461]), (90_000, 1000, [55_384, 76_153]), (26, 2, [16, 22]), (1, 0, []),
        (Int.max, 1000, [Int.max / 13 * 8 + Int.max % 13 * 8 / 13, Int.max / 13 * 11 + Int.max % 13 * 11 / 13]),
    ])
    func `warm-up and steps follow from the iterations`(iterations: Int, warmup: Int, steps: [Int]) {
        let schedule = Schedule(rate: 1, iterations: iterations)
        #expect(schedule.warmup == warmup)
        #expect(schedule.decay == .steps(steps, factor: 0.1))
    }
}
