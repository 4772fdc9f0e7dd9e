import Foundation
import Glibc
import Synchronization
import Testing

@testable import Training

@Suite struct PictureLoaderTests {
    /// Counts what is asked for.
    private final class Counted: PictureSource {
        let pictures = MemoryPictures(count: 4)
        let reads = Mutex(0)

        var count: Int { pictures.count }
        var digest: UInt64 { pictures.digest }

        func picture(_ index: Int) throws -> TrainingPicture {
            reads.withLock { $0 += 1 }
            return try pictures.picture(index)
        }
    }

    private static let augmentation: Augmentation = {
        var augmentation = Augmentation()
        augmentation.scales = [40, 48, 56]
        augmentation.brightness = 0.3
        return augmentation
    }()

    /// What a picture of the row is, down to its pixels.
    private func row(
        _ source: MemoryPictures, seed: UInt64 = 5, first: Int = 0, count: Int, threads: Int
    ) throws -> [String] {
        let loader = try PictureLoader(
            source, augmentation: Self.augmentation, seed: seed, first: first, threads: threads, ahead: 3)
        defer { loader.stop() }
        return try (0..<count).map { _ in
            let loaded = try loader.next()
            let sum = loaded.picture.image.withSamples { samples in
                samples.reduce(into: UInt64(0)) { $0 = $0 &* 31 &+ UInt64($1) }
            }
            return "\(loaded.picture.name) \(loaded.minSize ?? 0) \(loaded.picture.objects[0].box) \(sum)"
        }
    }

    @Test func `the row is the same whatever the number of threads, and from wherever it is read`() throws {
        let source = MemoryPictures(count: 7)
        let whole = try row(source, count: 30, threads: 1)
        for threads in [2, 5, 16] {
            #expect(try row(source, count: 30, threads: threads) == whole)
            #expect(try row(source, first: 11, count: 19, threads: threads) == Array(whole[11...]))
        }
        #expect(try row(source, seed: 6, count: 30, threads: 2) != whole)
    }

    @Test func `an epoch has every picture once, and the next has them in another order`() throws {
        let names = try row(MemoryPictures(count: 7), count: 28, threads: 3).map {
            $0.split(separator: " ").prefix(2).joined(separator: " ")
        }
        let epochs = stride(from: 0, to: 28, by: 7).map { Array(names[$0..<$0 + 7]) }
        for epoch in epochs { #expect(Set(epoch).count == 7) }
        #expect(Set(epochs).count > 1)
    }

    @Test func `the order follows from the seed alone, on every machine`() throws {
        // Of the second writing in Tests/Training/scratch.py, which gives another trainer the same pictures.
        let expected = [4, 6, 0, 1, 5, 3, 2, 6, 0, 4, 5, 2, 1, 3, 3, 2, 0, 6, 1, 4, 5]
        let loader = try PictureLoader(
            MemoryPictures(count: 7), augmentation: Augmentation(), seed: 5, first: 0, threads: 2, ahead: 3)
        defer { loader.stop() }
        let names = try expected.map { _ in try loader.next().picture.name }
        let pictures = MemoryPictures(count: 7)
        #expect(try names == expected.map { try pictures.picture($0).name })
    }

    @Test func `no more pictures are read ahead than may wait`() throws {
        let source = Counted()
        let loader = try PictureLoader(
            source, augmentation: Augmentation(), seed: 1, first: 0, threads: 8, ahead: 3)
        defer { loader.stop() }
        for taken in 1...40 {
            _ = try loader.next()
            #expect(source.reads.withLock { $0 } <= taken + 3)
        }
    }

    @Test func `a picture that cannot be read throws at its place, and the others come`() throws {
        var source = MemoryPictures(count: 6)
        source.unreadable = 2
        let loader = try PictureLoader(
            source, augmentation: Augmentation(), seed: 1, first: 0, threads: 3, ahead: 4)
        defer { loader.stop() }
        var failures = 0
        for _ in 0..<18 {
            do {
                _ = try loader.next()
            } catch let error as MemoryPictures.Unreadable {
                #expect(error.index == 2)
                failures += 1
            }
        }
        #expect(failures == 3)
    }

    @Test func `its threads end when it is stopped, and when it is dropped`() throws {
        // No other loader of the tests has so many, so that its last thread's name is its own.
        for isStopped in [true, false] {
            var loader: PictureLoader? = try PictureLoader(
                MemoryPictures(count: 3), augmentation: Augmentation(), seed: 1, first: 0, threads: 40, ahead: 2)
            _ = try loader?.next()
            if isStopped { loader?.stop() } else { loader = nil }
            let end = ContinuousClock.now + .seconds(300)
            while try threadNames().contains("loader-39"), ContinuousClock.now < end { sched_yield() }
            #expect(try !threadNames().contains("loader-39"))
        }
    }

    private func threadNames() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").compactMap { id in
            // A thread may have ended since.
            try? String(contentsOfFile: "/proc/self/task/\(id)/comm", encoding: .utf8)
                .trimmingCharacters(in: .newlines)
        }
    }
}
