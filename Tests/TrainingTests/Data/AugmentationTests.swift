import Instances
import RandomNumbers
import Testing

@testable import Training

@Suite struct AugmentationTests {
    private func samples(_ image: RGBImage) -> [UInt8] { image.withSamples { Array($0) } }

    private func picture(_ colour: (UInt8, UInt8, UInt8)) -> TrainingPicture {
        let image = RGBImage(width: 5, height: 4)
        image.withMutableSamples { samples in
            for i in 0..<20 {
                (samples[3 * i], samples[3 * i + 1], samples[3 * i + 2]) = colour
            }
        }
        return TrainingPicture(image: image, objects: [], name: "plain")
    }

    /// A change that flips always.
    private var flip: Augmentation {
        var flip = Augmentation()
        flip.flip = 1
        return flip
    }

    @Test func `mirroring exchanges left and right of pixels, boxes and masks`() throws {
        var random = SplitMix64(seed: 1)
        let given = MemoryPictures(count: 1).pictures[0]
        let mirrored = flip(given, using: &random).picture
        let (before, after) = (samples(given.image), samples(mirrored.image))
        for y in 0..<48 {
            for x in 0..<64 {
                let (from, to) = (3 * (64 * y + x), 3 * (64 * y + 63 - x))
                #expect(before[from..<from + 3] == after[to..<to + 3])
            }
        }
        let (box, turned) = (given.objects[0].box, mirrored.objects[0].box)
        #expect(turned == Box(x0: 64 - box.x1, y0: box.y0, x1: 64 - box.x0, y1: box.y1))
        #expect(mirrored.objects[0].mask.boundingBox == turned)
        #expect(mirrored.objects[0].label == given.objects[0].label)
    }

    @Test func `mirroring twice changes nothing`() throws {
        var random = SplitMix64(seed: 1)
        for given in MemoryPictures(count: 6).pictures {
            let twice = flip(flip(given, using: &random).picture, using: &random).picture
            #expect(samples(twice.image) == samples(given.image))
            #expect(twice.objects.map(\.box) == given.objects.map(\.box))
            #expect(twice.objects.map(\.mask) == given.objects.map(\.mask))
        }
    }

    @Test func `colours change within their bounds, and nothing else does`() {
        var augmentation = Augmentation()
        (augmentation.flip, augmentation.brightness) = (0, 0.2)
        var values = Set<UInt8>()
        for seed in 0..<200 {
            var random = SplitMix64(seed: UInt64(seed))
            let changed = augmentation(picture((100, 100, 100)), using: &random).picture.image
            #expect(changed.width == 5 && changed.height == 4)
            values.formUnion(samples(changed))
        }
        // All of the range is used.
        #expect(values.allSatisfy { (80...120).contains($0) } && values.count > 20)
    }

    @Test func `contrast, saturation and hue leave grey as it is`() {
        var augmentation = Augmentation()
        (augmentation.flip, augmentation.contrast, augmentation.saturation, augmentation.hue) = (0, 1, 1, 0.5)
        for seed in 0..<50 {
            var random = SplitMix64(seed: UInt64(seed))
            let changed = samples(augmentation(picture((90, 90, 90)), using: &random).picture.image)
            // One for the rounding of sums of three products.
            #expect(changed.allSatisfy { abs(Int($0) - 90) <= 1 })
        }
    }

    @Test func `a third of a turn makes red green, and green blue`() {
        let turn = ColourChange(brightness: 1, contrast: 1, saturation: 1, hue: 1 / 3)
        #expect(Array(samples(turn(picture((200, 10, 30)).image)).prefix(3)) == [30, 200, 10])
        #expect(Array(samples(turn(turn(picture((200, 10, 30)).image))).prefix(3)) == [10, 30, 200])
    }

    @Test func `a turn of the hue keeps the sum of the colours`() {
        for step in -10...10 {
            let turn = ColourChange(brightness: 1, contrast: 1, saturation: 1, hue: Float(step) / 20)
            let changed = samples(turn(picture((140, 120, 100)).image)).prefix(3).map { Int($0) }
            // Each of the three is rounded by a half at most.
            #expect(abs(changed.reduce(0, +) - 360) <= 2)
        }
    }

    @Test func `a change by nothing changes nothing`() {
        let image = MemoryPictures(count: 1).pictures[0].image
        let none = ColourChange(brightness: 1, contrast: 1, saturation: 1, hue: 0)
        // Sums with the mean and back round in the last bits, which the rounding to bytes takes away.
        #expect(samples(none(image)) == samples(image))
    }

    @Test func `one option does not change what another draws`() {
        var (alone, together) = (Augmentation(), Augmentation())
        together.scales = [40, 50, 60]
        (together.brightness, together.hue) = (0.2, 0.3)
        alone.flip = 0.5
        var (sizes, flips) = (Set<Int>(), 0)
        let given = MemoryPictures(count: 1).pictures[0]
        for seed in 0..<60 {
            var random = (SplitMix64(seed: UInt64(seed)), SplitMix64(seed: UInt64(seed)))
            let (a, b) = (alone(given, using: &random.0), together(given, using: &random.1))
            #expect(a.picture.objects[0].box == b.picture.objects[0].box && a.minSize == nil)
            if a.picture.objects[0].box != given.objects[0].box { flips += 1 }
            sizes.insert(b.minSize ?? 0)
        }
        #expect(sizes == [40, 50, 60])
        // Half of 60, and 4 standard deviations.
        #expect((14...46).contains(flips))
    }
}
