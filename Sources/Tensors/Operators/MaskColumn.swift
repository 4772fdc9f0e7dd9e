import CKernels

/// One column of a mask between two columns of probabilities.
public enum MaskColumn {
    /// Where a value is.
    public enum Side {
        /// Neither surely below nor surely above.
        public static let near: UInt8 = 0
        public static let below = UInt8(ck_side_below)
        public static let above = UInt8(ck_side_above)
    }

    /// Mixes two columns, and tells of each value on which side of a threshold it is.
    ///
    /// - Parameters:
    ///   - low: `count` values, likewise `high`, `values` and `sides`.
    ///   - least: What values below the threshold are less than.
    ///   - most: What values above the threshold exceed.
    public static func interpolate(
        _ low: UnsafePointer<Float>, _ lowWeight: Float, _ high: UnsafePointer<Float>, _ highWeight: Float, count: Int,
        least: Float, most: Float, into values: UnsafeMutablePointer<Float>, sides: UnsafeMutablePointer<UInt8>
    ) {
        ck_mask_column(low, high, lowWeight, highWeight, count, least, most, values, sides)
    }
}
