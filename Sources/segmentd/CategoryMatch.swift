import Instances

/// A model's categories and those of a data set, matched by name: their numbers have nothing to do with each other.
struct CategoryMatch {
    /// The data set's number for each of the model's that counts.
    let dataset: [Int: Int]

    /// The data set's categories that count.
    var evaluated: Set<Int> { Set(dataset.values) }
    /// The model's categories that count.
    var reported: Set<Int> { Set(dataset.keys) }

    /// The data set's categories that the model does not have.
    static func unknown(_ dataset: [Category], to model: [Category]) -> [Category] {
        let names = Set(model.map(\.name))
        return dataset.filter { !names.contains($0.name) }
    }

    /// - Parameters:
    ///   - chosen: The model's categories that were asked for; nil where every category of the data set is to be found.
    ///   - path: The data set's file, for the message.
    /// - Throws: `CommandFailure` which lists what does not match.
    init(model: [Category], dataset: [Category], chosen: Set<Int>?, path: String) throws {
        let numbers = Dictionary(dataset.map { ($0.name, $0.id) }) { first, _ in first }
        func listed(_ categories: [Category]) -> String {
            let shown = categories.prefix(30).map(\.printableName).joined(separator: ", ")
            return categories.count > 30 ? "\(shown) and \(categories.count - 30) more" : shown
        }
        if let chosen {
            let missing = model.filter { chosen.contains($0.id) && numbers[$0.name] == nil }
            guard missing.isEmpty else {
                throw CommandFailure(
                    "--classes: \(path) has no category \(listed(missing)); it has \(listed(dataset))")
            }
        } else {
            let unknown = Self.unknown(dataset, to: model)
            let unused = model.filter { numbers[$0.name] == nil }
            guard unknown.isEmpty else {
                throw CommandFailure(
                    "\(path): the model does not know these categories: \(listed(unknown)); "
                        + (unused.isEmpty ? "" : "the data set does not have these of the model's: \(listed(unused)); ")
                        + "rename them in either, or name those that both have with --classes")
            }
        }
        self.dataset = Dictionary(
            model.compactMap { category in
                guard chosen?.contains(category.id) != false, let number = numbers[category.name] else { return nil }
                return (category.id, number)
            }
        ) { first, _ in first }
    }
}
