extension FrameResult {
    /// One line of JSON, without the line's end, as files and sockets carry it.
    ///
    /// Names and the mask's encoding are COCO's, so that pycocotools reads an object as it is.
    public func jsonLine() -> String {
        var json = JSONText()
        json.object { json in
            json.string("type", "frame")
            json.string("stream", stream)
            json.integer("frame", frame)
            json.number("pts", pts, decimals: 6)
            if let time { json.string("time", time) }
            json.integer("width", width)
            json.integer("height", height)
            json.bool("inferred", inferred)
            if isStill { json.bool("still", true) }
            json.integer("dropped", dropped)
            json.array("objects") { json in
                for object in objects {
                    json.object { json in object.appendFields(to: &json) }
                }
            }
        }
        return json.text
    }
}

extension Instance {
    /// Writes the object's fields under COCO's names, `bbox` as `[x, y, width, height]`.
    public func appendFields(to json: inout JSONText) {
        if let trackID { json.integer("track_id", trackID) }
        json.integer("category_id", categoryID)
        json.string("category", category)
        json.number("score", Double(score), decimals: 6)
        json.array("bbox") { json in
            for value in [box.x0, box.y0, box.width, box.height] {
                json.number(nil, Double(value), decimals: 3)
            }
        }
        guard let mask else { return }
        json.integer("area", mask.area)
        json.object("segmentation") { json in
            json.array("size") { json in
                json.integer(nil, mask.height)
                json.integer(nil, mask.width)
            }
            json.string("counts", mask.counts)
        }
    }
}
