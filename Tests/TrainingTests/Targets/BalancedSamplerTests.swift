import RandomNumbers
import Testing

@testable import Training

@Suite struct BalancedSamplerTests {
    /// As many of each kind, in turns as long as there are any.
    private func matches(objects: Int, background: Int, between: Int = 0) -> [BoxMatcher.Match] {
        (0..<max(objects, background, between)).flatMap { index -> [BoxMatcher.Match] in
            (index < background ? [.background] : []) + (index < objects ? [.object(index)] : [])
                + (index < between ? [.between] : [])
        }
    }

    private func counts(_ places: [Int], _ matches: [BoxMatcher.Match]) -> (objects: Int, background: Int, between: Int)
    {
        places.reduce(into: (0, 0, 0)) { counts, place in
            switch matches[place] {
            case .object: counts.0 += 1
            case .background: counts.1 += 1
            case .between: counts.2 += 1
            }
        }
    }

    @Test(arguments: [
        // Objects, background, then how many of each are chosen of 20, of which a half at most are objects.
        (50, 50, 10, 10), (3, 50, 3, 17), (0, 50, 0, 20), (50, 4, 10, 4), (50, 0, 10, 0), (2, 3, 2, 3), (0, 0, 0, 0),
        (10, 10, 10, 10),
    ])
    func `background fills what objects leave`(objects: Int, background: Int, chosenObjects: Int, chosenBackground: Int)
    {
        let matches = matches(objects: objects, background: background, between: 30)
        var random = SplitMix64(seed: 1)
        let places = BalancedSampler(size: 20, positiveFraction: 0.5)(matches, using: &random)
        let counts = counts(places, matches)
        #expect(counts == (chosenObjects, chosenBackground, 0))
        #expect(places == Array(Set(places)).sorted())
    }

    @Test(arguments: [(5, 0.5, 2), (512, 0.25, 128), (7, 0.0, 0), (7, 1.0, 7), (0, 0.5, 0)])
    func `the part of objects is cut to a whole number`(size: Int, fraction: Double, objects: Int) {
        let matches = matches(objects: 1000, background: 1000)
        var random = SplitMix64(seed: 2)
        let places = BalancedSampler(size: size, positiveFraction: fraction)(matches, using: &random)
        #expect(counts(places, matches) == (objects, size - objects, 0))
    }

    @Test func `the same seed chooses the same boxes, and another one others`() {
        let matches = matches(objects: 100, background: 1000)
        let sampler = BalancedSampler(size: 64, positiveFraction: 0.5)
        func choose(_ seed: UInt64) -> ([Int], [Int]) {
            var random = SplitMix64(seed: seed)
            return (sampler(matches, using: &random), sampler(matches, using: &random))
        }
        #expect(choose(7) == choose(7))
        #expect(choose(7).0 != choose(7).1 && choose(7).0 != choose(8).0)
    }

    @Test func `every box is chosen as often as any other`() {
        let (objects, background, draws) = (40, 90, 4000)
        let matches = matches(objects: objects, background: background)
        let sampler = BalancedSampler(size: 40, positiveFraction: 0.25)
        var random = SplitMix64(seed: 3)
        var chosen = [Int](repeating: 0, count: matches.count)
        for _ in 0..<draws {
            for place in sampler(matches, using: &random) { chosen[place] += 1 }
        }
        for (count, taken, isObject) in [(objects, 10, true), (background, 30, false)] {
            let own = matches.indices.filter { (matches[$0] != .background) == isObject }.map { Double(chosen[$0]) }
            #expect(own.count == count)
            let part = Double(taken) / Double(count)
            let expected = Double(draws) * part
            // Of draws without replacement; distributed as chi squared with a degree of freedom less than there are boxes.
            let sum = own.reduce(0) { $0 + ($1 - expected) * ($1 - expected) } / (expected * (1 - part))
            let (degrees, statistic) = (Double(count - 1), sum * Double(count - 1) / Double(count))
            // Four standard deviations to each side; the seed does not change.
            #expect(abs(statistic - degrees) <= 4 * (2 * degrees).squareRoot(), "\(statistic) of \(degrees)")
        }
    }
}
