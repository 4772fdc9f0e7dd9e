/// What a pickle can hold here; containers are references into a `PickleHeap`.
///
/// The references are numbers, so that a structure that contains itself leaks nothing, and one that is nested a million deep is
/// released without recursion.
enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    /// A whole number beyond 64 bits, such as the legacy format's magic; nothing needs its value.
    case bigInteger
    case float(Double)
    case string(String)
    case tuple(Int)
    case list(Int)
    case dictionary(Int)
    case global(PickleGlobal)
    case storage(Int)
    case tensor(Int)
    /// Bytes, or a text that is too long to be a name.
    case blob(Int)
    /// NumPy's `dtype`.
    case elementType(Int)
    /// NumPy's `ndarray`.
    case array(Int)
}

/// The only names that a pickle may mention, and what they stand for.
///
/// None is ever called: each is a word that the reader understands.
enum PickleGlobal: Equatable {
    case orderedDictionary
    case counter
    case namespace
    case rebuildTensor
    case rebuildParameter
    case storage(ScalarType)
    /// NumPy's function that makes an array without content.
    case reconstruct
    /// NumPy's function that makes an array of bytes.
    case fromBuffer
    case arrayType
    case elementType
    /// What protocol 2 makes bytes of a text with.
    case encode

    /// The meaning of a name, or nil where it is not allowed.
    ///
    /// `collections.Counter` and `argparse.Namespace` are what torchvision's own training script adds to a checkpoint (its
    /// milestones and its arguments); both are read as plain dictionaries.
    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("collections", "Counter"): self = .counter
        case ("argparse", "Namespace"): self = .namespace
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch", "DoubleStorage"): self = .storage(.float64)
        case ("torch", "FloatStorage"): self = .storage(.float32)
        case ("torch", "HalfStorage"): self = .storage(.float16)
        case ("torch", "BFloat16Storage"): self = .storage(.bfloat16)
        case ("torch", "LongStorage"): self = .storage(.int64)
        case ("torch", "IntStorage"): self = .storage(.int32)
        case ("torch", "ShortStorage"): self = .storage(.int16)
        case ("torch", "CharStorage"): self = .storage(.int8)
        case ("torch", "ByteStorage"): self = .storage(.uint8)
        case ("torch", "BoolStorage"): self = .storage(.bool)
        default: return nil
        }
    }

    /// Likewise in a pickle of NumPy arrays, whose modules have had two names.
    init?(numpyModule module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"): self = .reconstruct
        case ("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer"): self = .fromBuffer
        case ("numpy", "ndarray"): self = .arrayType
        case ("numpy", "dtype"): self = .elementType
        case ("_codecs", "encode"): self = .encode
        default: return nil
        }
    }
}

/// The bytes behind one or more tensors, as a pickle names them.
struct PickleStorage: Equatable {
    /// The entry `data/<key>`, or the legacy file's key.
    let key: String
    let scalarType: ScalarType
    /// Elements of the whole storage.
    let count: Int
    /// First element of the part that is meant; only old legacy files have parts.
    var start = 0
    /// Elements of that part.
    var length: Int
}

/// A tensor as a pickle describes it; not checked against its storage yet.
struct PickleTensor {
    let storage: PickleStorage
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}

/// Everything that a pickle created.
struct PickleHeap {
    /// The elements of tuples and lists.
    var sequences: [[PickleValue]] = []
    /// Keys and values of dictionaries in the order in which they were set; of equal keys the last one counts.
    var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
    var storages: [PickleStorage] = []
    var tensors: [PickleTensor] = []
    var blobs: [PickleBlob] = []
    var elementTypes: [PickleElementType] = []
    var arrays: [PickleArray] = []
    /// Bytes that were copied from texts so far.
    var copied = 0

    /// The elements, where the value is a tuple.
    func tuple(_ value: PickleValue) -> [PickleValue]? {
        guard case .tuple(let index) = value else { return nil }
        return sequences[index]
    }

    /// The values under text keys, where the value is a dictionary.
    func fields(_ value: PickleValue) -> [String: PickleValue]? {
        guard case .dictionary(let index) = value else { return nil }
        var fields: [String: PickleValue] = [:]
        for case (.string(let key), let value) in dictionaries[index] { fields[key] = value }
        return fields
    }

    /// The numbers, where the value is a tuple of whole numbers.
    func integers(_ value: PickleValue) -> [Int]? {
        guard let elements = tuple(value) else { return nil }
        var numbers: [Int] = []
        for element in elements {
            guard case .integer(let number) = element else { return nil }
            numbers.append(number)
        }
        return numbers
    }
}
