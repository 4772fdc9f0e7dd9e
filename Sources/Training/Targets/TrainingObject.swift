import Instances

/// An object that a picture is known to show.
public struct TrainingObject: Sendable {
    /// In the picture's pixels.
    public var box: Box
    /// Its class in the heads' outputs, 1 or more.
    public var label: Int
    /// As large as the picture.
    public var mask: Mask

    public init(box: Box, label: Int, mask: Mask) {
        self.box = box
        self.label = label
        self.mask = mask
    }
}

/// A picture with all that is to be learned from it.
public struct TrainingPicture: Sendable {
    public var image: RGBImage
    public var objects: [TrainingObject]
    /// What messages call it, such as the id that the data set gives it.
    public var name: String

    public init(image: RGBImage, objects: [TrainingObject], name: String) {
        self.image = image
        self.objects = objects
        self.name = name
    }
}
