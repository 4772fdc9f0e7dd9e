extension Mask {
    /// The mask with left and right exchanged.
    public var mirrored: Mask {
        var columns = [[Range<Int>]](repeating: [], count: width)
        forEachForegroundRun { x, rows in columns[width - 1 - x].append(rows) }
        var encoder = RunLengthEncoder(capacity: runs.count)
        for column in columns {
            var position = 0
            for rows in column {
                encoder.append(foreground: false, count: rows.lowerBound - position)
                encoder.append(foreground: true, count: rows.count)
                position = rows.upperBound
            }
            encoder.append(foreground: false, count: height - position)
        }
        return Mask(width: width, height: height, runs: encoder.finish())
    }
}
