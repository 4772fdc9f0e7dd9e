/// One object that was found in one picture.
public struct Instance: Sendable, Equatable {
    /// The identity that the tracker gave, stable over frames; nil before tracking.
    public var trackID: Int?
    /// The category's number in the model, as in COCO's `category_id`.
    public var categoryID: Int
    /// The category's name.
    public var category: String
    /// Confidence, 0...1.
    public var score: Float
    /// The box in the picture, pixels.
    public var box: Box
    /// The pixels that belong to the object, where masks were asked for.
    public var mask: Mask?

    public init(
        trackID: Int? = nil, categoryID: Int, category: String, score: Float, box: Box, mask: Mask? = nil
    ) {
        self.trackID = trackID
        self.categoryID = categoryID
        self.category = category
        self.score = score
        self.box = box
        self.mask = mask
    }
}
