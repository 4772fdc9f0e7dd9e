import CKernels

// The transposes of pooling, upsampling and RoIAlign.
extension Compute {
    /// A tensor of zeros from the pool.
    public func zeros(_ shape: [Int]) -> Tensor {
        let tensor = pool.tensor(shape)
        clear(tensor)
        return tensor
    }

    /// The gradient with respect to the input of a maximum with stride 2: to the first of the greatest in each window.
    ///
    /// - Parameters:
    ///   - kernel: Window's side, pixels.
    ///   - padding: Pixels beyond the borders that count as nothing.
    public func maxPoolGradient(_ gradient: Tensor, input: Tensor, kernel: Int, padding: Int) -> Tensor {
        let output = zeros(input.shape)
        let channels = input.channels
        // A cache line of channels a piece: pieces write to places of their own.
        let parts = channels.parts(of: 16)
        let (inputSize, outputSize) = (
            input.height * input.width * channels, gradient.height * gradient.width * channels
        )
        workers.run(input.pictures * parts) { piece in
            let (picture, first) = (piece / parts, piece % parts * 16)
            ck_max_pool_gradient(
                input.pointer + picture * inputSize, input.height, input.width, channels,
                gradient.pointer + picture * outputSize, gradient.height, gradient.width, kernel, padding, first,
                min(16, channels - first), output.pointer + picture * inputSize)
        }
        return output
    }

    /// The gradient with respect to the input of `averagePool`.
    ///
    /// - Parameters:
    ///   - gradient: `[regions, channels]`.
    ///   - shape: The input's, `[regions, height, width, channels]`.
    public func averagePoolGradient(_ gradient: Tensor, input shape: [Int]) -> Tensor {
        let output = pool.tensor(shape)
        let (channels, area) = (output.channels, output.height * output.width)
        let factor = 1 / Float(area)
        workers.run(gradient.shape[0], step: 4) { range in
            for region in range {
                let source = gradient.pointer + region * channels
                for pixel in region * area..<(region + 1) * area {
                    let target = output.pointer + pixel * channels
                    for channel in 0..<channels { target[channel] = source[channel] * factor }
                }
            }
        }
        return output
    }

    /// The gradient with respect to the input of `subsample`.
    ///
    /// - Parameter input: The input's shape.
    public func subsampleGradient(_ gradient: Tensor, input shape: [Int]) -> Tensor {
        spread(gradient, step: 2, size: (shape[shape.count - 3], shape[shape.count - 2]))
    }

    /// The gradient with respect to the smaller map of `addUpsampled`; with respect to the larger it is the gradient itself.
    ///
    /// - Parameter small: The smaller map's shape.
    public func addUpsampledGradient(_ gradient: Tensor, small shape: [Int]) -> Tensor {
        let output = zeros(shape)
        let (height, width, channels) = (output.height, output.width, output.channels)
        let (smallSize, largeSize) = (height * width * channels, gradient.height * gradient.width * channels)
        let step = max(1, 4096 / max(1, width * channels))
        let bands = height.parts(of: step)
        workers.run(gradient.pictures * bands) { piece in
            let (picture, first) = (piece / bands, piece % bands * step)
            ck_add_upsampled_gradient(
                gradient.pointer + picture * largeSize, gradient.height, gradient.width, channels, height, width,
                first, min(step, height - first), output.pointer + picture * smallSize)
        }
        return output
    }

    /// Adds to the gradients with respect to the maps of `roiAlign`.
    ///
    /// - Parameters:
    ///   - gradient: `[regions, size, size, channels]`.
    ///   - maps: Each `[pictures, height, width, channels]`.
    public func addRoiAlignGradient(_ gradient: Tensor, _ regions: [Region], samples: Int, to maps: [Tensor]) {
        guard !regions.isEmpty else { return }
        let (size, channels) = (gradient.height, gradient.channels)
        // Regions overlap, channels do not. Two cache lines at least, so that threads do not share one.
        let step = max(32, channels.parts(of: 2 * workers.count).roundedUp(to: 16))
        workers.run(channels, step: step) { range in
            for (index, region) in regions.enumerated() {
                let map = maps[region.level]
                ck_roi_align_gradient(
                    gradient.pointer + index * size * size * channels, size, samples, map.height, map.width, channels,
                    region.x0, region.y0, region.x1, region.y1, range.lowerBound, range.count,
                    map.pointer + region.picture * map.height * map.width * channels)
            }
        }
    }
}
