extension Mask {
    /// The mask moved by whole pixels to the right and down; what leaves the picture is lost.
    public func shifted(x dx: Int, y dy: Int) -> Mask {
        if dx == 0 && dy == 0 { return self }
        var encoder = RunLengthEncoder()
        var position = 0
        forEachForegroundRun { x, rows in
            // Compared without adding, since a shift may be any number.
            guard dx >= -x, dx < width - x, dy < height - rows.lowerBound, dy > -rows.upperBound else { return }
            let top = max(0, rows.lowerBound + dy)
            let bottom = min(height, rows.upperBound + dy)
            let start = (x + dx) * height + top
            encoder.append(foreground: false, count: start - position)
            encoder.append(foreground: true, count: bottom - top)
            position = start + bottom - top
        }
        encoder.append(foreground: false, count: width * height - position)
        return Mask(width: width, height: height, runs: encoder.finish())
    }
}
