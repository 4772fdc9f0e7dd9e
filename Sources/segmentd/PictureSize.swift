/// A picture's size as an option gives it.
struct PictureSize {
    /// Pixels.
    let width: Int
    /// Pixels.
    let height: Int

    /// Reads text such as `640x480`.
    ///
    /// - Throws: `CommandFailure` for anything else, and for sides that no picture has.
    init(_ text: String, option: String) throws {
        let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard sides.count == 2, let width = sides[0], let height = sides[1], (1...16384).contains(width),
            (1...16384).contains(height)
        else { throw CommandFailure("\(option) is '\(text)'; give width and height, such as 640x480") }
        (self.width, self.height) = (width, height)
    }
}
