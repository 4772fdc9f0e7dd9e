import CKernels

extension Compute {
    /// 3x3 maximum with stride 2 and padding 1.
    ///
    /// - Parameter input: `[height, width, channels]`, or `[pictures, height, width, channels]`.
    public func maxPool(_ input: Tensor) -> Tensor {
        let (height, width) = ((input.height - 1) / 2 + 1, (input.width - 1) / 2 + 1)
        let output = pool.tensor(input.shape.dropLast(3) + [height, width, input.channels])
        runRows(of: output) { picture, rows in
            ck_max_pool(
                input.pointer(picture: picture), input.height, input.width, input.channels, width, rows.lowerBound,
                rows.count, output.pointer(picture: picture))
        }
        return output
    }

    /// 2x2 maximum with stride 2; a last row or column without a partner is left out.
    ///
    /// - Parameter input: `[height, width, channels]`, or `[pictures, height, width, channels]`; both sides at least 2.
    public func maxPool2x2(_ input: Tensor) -> Tensor {
        let output = pool.tensor(input.shape.dropLast(3) + [input.height / 2, input.width / 2, input.channels])
        runRows(of: output) { picture, rows in
            ck_max_pool_2x2(
                input.pointer(picture: picture), input.width, input.channels, output.width, rows.lowerBound, rows.count,
                output.pointer(picture: picture))
        }
        return output
    }

    /// Every second pixel of every second row.
    ///
    /// - Parameter input: `[height, width, channels]`, or `[pictures, height, width, channels]`.
    public func subsample(_ input: Tensor) -> Tensor {
        let (height, width, channels) = ((input.height + 1) / 2, (input.width + 1) / 2, input.channels)
        let output = pool.tensor(input.shape.dropLast(3) + [height, width, channels])
        for picture in 0..<input.pictures {
            let (from, to) = (input.pointer(picture: picture), output.pointer(picture: picture))
            for y in 0..<height {
                for x in 0..<width {
                    (to + (y * width + x) * channels).update(
                        from: from + (2 * y * input.width + 2 * x) * channels, count: channels)
                }
            }
        }
        return output
    }

    /// A larger map plus the nearest values of a smaller one (Lin et al. 2017, section 3).
    ///
    /// - Parameters:
    ///   - small: `[height, width, channels]`, or `[pictures, height, width, channels]`.
    ///   - large: As many pictures. Consumed: the sum is written over it.
    public func addUpsampled(_ small: Tensor, to large: consuming Tensor) -> Tensor {
        let large = large
        precondition(
            small.channels == large.channels && small.pictures == large.pictures, "maps of as many channels")
        runRows(of: large) { picture, rows in
            ck_add_upsampled(
                small.pointer(picture: picture), small.height, small.width, small.channels, large.height, large.width,
                rows.lowerBound, rows.count, large.pointer(picture: picture))
        }
        return large
    }

    /// A box to sample, in the coordinates of a map.
    public struct Region: Sendable {
        /// Which of the maps.
        public var level: Int
        /// Which picture of a batch.
        public var picture: Int
        public var x0, y0, x1, y1: Float

        public init(level: Int, picture: Int = 0, x0: Float, y0: Float, x1: Float, y1: Float) {
            self.level = level
            self.picture = picture
            self.x0 = x0
            self.y0 = y0
            self.x1 = x1
            self.y1 = y1
        }
    }

    /// RoIAlign (He et al. 2017, section 3) of every region: `[regions, size, size, channels]`.
    public func roiAlign(_ maps: [Tensor], _ regions: [Region], size: Int, samples: Int) -> Tensor {
        let channels = maps[0].channels
        precondition(size <= ck_most_bins && samples <= ck_most_samples, "tables of that size")
        let output = pool.tensor([regions.count, size, size, channels])
        workers.run(regions.count, step: 8) { range in
            for index in range {
                let region = regions[index]
                let map = maps[region.level]
                ck_roi_align(
                    map.pointer(picture: region.picture), map.height, map.width, channels, region.x0, region.y0,
                    region.x1, region.y1, size, samples, output.pointer + index * size * size * channels)
            }
        }
        return output
    }

    /// RoIAlign with one sample a pixel or more, for regions whose coordinates are of pixels' centres (PyTorch's `aligned=True` with a
    /// sampling ratio of 0): `[regions, size, size, channels]`.
    ///
    /// - Parameter regions: Half a pixel to the left and up of where they are in the map; a region without a side gives 0.
    public func roiAlignAdaptive(_ maps: [Tensor], _ regions: [Region], size: Int) -> Tensor {
        let channels = maps[0].channels
        precondition(size <= ck_most_bins, "tables of that size")
        let output = pool.tensor([regions.count, size, size, channels])
        workers.run(regions.count, step: 8) { range in
            let samples = regions[range].map { region in
                max(ck_roi_samples(region.x0, region.x1, size), ck_roi_samples(region.y0, region.y1, size))
            }
            let most = 2 * max(1, samples.max() ?? 1)
            pool.withScratch(of: ck_roi_place.self, 2 * size * most) { scratch in
                for index in range {
                    let region = regions[index]
                    let map = maps[region.level]
                    ck_roi_align_adaptive(
                        map.pointer(picture: region.picture), map.height, map.width, channels, region.x0, region.y0,
                        region.x1, region.y1, size, scratch, most, output.pointer + index * size * size * channels)
                }
            }
        }
        return output
    }

    /// The mean of every region's pixels, `[regions, height, width, channels]` to `[regions, channels]`.
    public func averagePool(_ input: Tensor) -> Tensor {
        let (channels, area) = (input.channels, Float(input.height * input.width))
        let output = zeros([input.pictures, channels])
        addColumnSums(input, to: output)
        workers.run(output.count, step: 1 << 14) { range in
            for index in range { output.pointer[index] /= area }
        }
        return output
    }

    /// Normalises an 8-bit RGB picture, resizes it and pads it with zeros at the right and the bottom.
    ///
    /// - Parameters:
    ///   - pixels: `[height, width, 3]`.
    ///   - table: The normalised value of every byte in every channel, `[3, 256]`.
    ///   - size: Height and width after resizing.
    ///   - padded: Height and width with padding.
    ///   - target: Where the result goes, such as a part of a batch; a tensor of its own where nil.
    /// - Returns: `[padded height, padded width, 3]`.
    public func resizeNormalized(
        _ pixels: UnsafeBufferPointer<UInt8>, height: Int, width: Int, table: [Float], size: (height: Int, width: Int),
        padded: (height: Int, width: Int), into target: Tensor? = nil
    ) -> Tensor {
        precondition(pixels.count == height * width * 3 && table.count == 768, "three channels a pixel")
        let output = target ?? pool.tensor([padded.height, padded.width, 3])
        precondition(output.shape == [padded.height, padded.width, 3], "room for the picture")
        let stride = padded.width * 3
        // Each piece resizes the row above its first anew, so that there are few, but enough for threads that are delayed.
        let step = max(16, padded.height.parts(of: 4 * workers.count))
        pool.withScratch(of: ck_resize_place.self, size.width + size.height) { places in
            let (columns, lines) = (places, places + size.width)
            ck_resize_places(width, size.width, columns)
            ck_resize_places(height, size.height, lines)
            workers.run(padded.height, step: step) { rows in
                let inside = rows.clamped(to: 0..<size.height)
                if !inside.isEmpty {
                    pool.withScratch(ck_resize_scratch_count(width, size.width)) { scratch in
                        table.withUnsafeBufferPointer { table in
                            ck_resize_normalized(
                                pixels.baseAddress!, width, table.baseAddress!, columns, lines, size.width,
                                inside.lowerBound, inside.count, stride, output.pointer, scratch)
                        }
                    }
                }
                for y in rows {
                    let used = y < size.height ? size.width * 3 : 0
                    (output.pointer + y * stride + used).update(repeating: 0, count: stride - used)
                }
            }
        }
        return output
    }

    /// Calls `body` with a picture and some of its rows, on any of the threads, until all rows of the output have been given out; each
    /// piece has some ten thousand values.
    private func runRows(of output: Tensor, _ body: (_ picture: Int, _ rows: Range<Int>) -> Void) {
        guard output.count > 0 else { return }
        let step = max(1, 20_000 / (output.width * output.channels))
        let pieces = output.height.parts(of: step)
        workers.run(output.pictures * pieces) { piece in
            let first = piece % pieces * step
            body(piece / pieces, first..<min(first + step, output.height))
        }
    }
}
