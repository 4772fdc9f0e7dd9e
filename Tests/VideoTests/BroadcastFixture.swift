import CFFmpeg
import Files
import Foundation
import Instances
import Testing

@testable import Video

/// Midday of a day in November 2026.
let midday = WallClock(seconds: 1795521600)

/// A grey picture with its number in black and white bars, which survives coding.
func picture(
    _ number: Int, width: Int = 160, height: Int = 64, at timestamp: Timestamp? = nil, rate: Int32 = 10
) throws -> DrawablePicture {
    let isEven = width % 2 == 0 && height % 2 == 0
    let frame = try PicturePool().frame(
        width: width, height: height, format: isEven ? AV_PIX_FMT_YUV420P : AV_PIX_FMT_YUV444P)
    let time = timestamp ?? Timestamp(value: Int64(number), timeBase: Rational(1, rate))
    let picture = DrawablePicture(frame: frame, timestamp: time, duration: 0)
    picture.withCanvas { canvas in
        // Not at the end: see Tests/tail_calls.awk.
        let rows = isEven ? height / 2 : height
        memset(canvas.chromaU, 128, canvas.chromaStride * rows)
        memset(canvas.chromaV, 128, canvas.chromaStride * rows)
        for y in 0..<height {
            for x in 0..<width {
                canvas.luma[y * canvas.lumaStride + x] = number >> (x * 10 / width) & 1 == 1 ? 235 : 16
            }
        }
    }
    return picture
}

/// The number in a picture's bars.
func number(_ frame: VideoFrame) throws -> Int {
    let plane = try frame.lumaThumbnail(width: 10, height: 1)
    return plane.samples.enumerated().reduce(0) { $0 | ($1.element > 128 ? 1 << $1.offset : 0) }
}

/// The numbers in all pictures of a video, as they are decoded.
func numbers(_ path: String) throws -> [Int] { try frames(path).map(number) }

/// What a broadcast says.
final class EventLog: Sendable {
    private let events = Locked<[VideoBroadcast.Event]>([])

    func append(_ event: VideoBroadcast.Event) { events.withLock { $0.append(event) } }
    var all: [VideoBroadcast.Event] { events.withLock { $0 } }

    /// The final paths of finished files, in their order.
    var segments: [String] {
        all.compactMap { if case .segment(let path, _, _, _) = $0 { path } else { nil } }
    }
    /// What the targets failed of.
    var reasons: [String] {
        all.compactMap { if case .targetFailed(_, let reason, _) = $0 { reason } else { nil } }
    }
}

/// Waits until the condition holds, within a bound that only a failure reaches.
func eventually(_ what: String, _ condition: () throws -> Bool) throws {
    let end = ContinuousClock.now + .seconds(60)
    while try !condition() {
        guard ContinuousClock.now < end else { throw CommandFailure(description: "never: \(what)") }
        usleep(5000)
    }
}

/// A broadcast that loses nothing by itself, whose failures are tried again soon.
func broadcast(
    _ targets: [VideoBroadcast.Target], options: VideoBroadcast.Options = .init(preset: "ultrafast", policy: .block),
    log: EventLog = EventLog()
) throws -> VideoBroadcast {
    try VideoBroadcast(stream: "door", options: options, targets: targets, onEvent: log.append)
}

extension VideoBroadcast {
    /// Writes numbered pictures, the first taken at `start` and the others by their times.
    func write(_ range: Range<Int>, from start: WallClock, width: Int = 160, height: Int = 64, rate: Int = 10) throws {
        for number in range {
            let seconds = start.seconds + Double(number - range.lowerBound) / Double(rate)
            write(
                try picture(number, width: width, height: height, rate: Int32(rate)),
                capturedAt: WallClock(seconds: seconds))
        }
    }
}

let soon = Backoff(initial: .milliseconds(10), maximum: .milliseconds(50))
