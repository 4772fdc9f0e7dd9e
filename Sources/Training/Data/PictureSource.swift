/// Pictures with known objects that can be asked for by number, from several threads at once.
public protocol PictureSource: Sendable {
    /// Pictures.
    var count: Int { get }
    /// A number that other pictures, other objects in them, or the same in another order, have hardly ever.
    var digest: UInt64 { get }

    /// Reads one of them.
    ///
    /// - Throws: What is wrong with its file.
    func picture(_ index: Int) throws -> TrainingPicture
}
