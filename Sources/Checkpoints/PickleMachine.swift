/// A stack machine for the part of Python's pickle language that torch.save and pickled NumPy arrays use.
///
/// It builds data and cannot call anything: a name that is not in `PickleGlobal` ends the reading, and so does any opcode that
/// is not listed here. Python's `pickletools` documents the opcodes.
struct PickleMachine {
    /// Why a pickle could not be read.
    enum Failure: Error {
        case malformed(String)
        case refusedGlobal(String)
    }

    /// Who wrote a pickle, and so what it may hold.
    enum Dialect {
        /// torch.save: tensors that refer to storages, with the opcodes of protocol 2.
        case torch
        /// A dictionary of NumPy arrays, in protocols 2 to 5, or by Python 2.
        case numpy
    }

    /// What one pickle may take: far above any model's checkpoint, far below what would hurt.
    enum Limit {
        static let stack = 1 << 20
        static let memo = 1 << 22
        static let objects = 1 << 22
        static let elements = 1 << 23
        static let string = 1 << 20
        static let global = 1 << 8
        /// A longer text is kept as its bytes; NumPy writes arrays so.
        static let name = 1 << 12
    }

    private enum Opcode: UInt8 {
        case mark = 0x28, emptyTuple = 0x29, stop = 0x2e
        case binaryFloat = 0x47, binaryInteger = 0x4a, byteInteger = 0x4b, wordInteger = 0x4d, none = 0x4e
        case persistentID = 0x51, reduce = 0x52, unicode = 0x58
        case emptyList = 0x5d, append = 0x61, build = 0x62, global = 0x63
        case appends = 0x65, get = 0x68, longGet = 0x6a, put = 0x71, longPut = 0x72, setItem = 0x73, tuple = 0x74
        case setItems = 0x75, emptyDictionary = 0x7d, protocolVersion = 0x80, newObject = 0x81
        case tuple1 = 0x85, tuple2 = 0x86, tuple3 = 0x87, newTrue = 0x88, newFalse = 0x89, long = 0x8a
        // Of NumPy's pickles alone.
        case bytes = 0x42, shortBytes = 0x43, string = 0x54, shortString = 0x55
        case shortUnicode = 0x8c, longUnicode = 0x8d, longBytes = 0x8e
        case stackGlobal = 0x93, memoize = 0x94, frame = 0x95, byteArray = 0x96

        var isOfNumpy: Bool {
            switch self {
            case .bytes, .shortBytes, .string, .shortString, .shortUnicode, .longUnicode, .longBytes, .stackGlobal,
                .memoize, .frame, .byteArray:
                true
            default: false
            }
        }
    }

    /// What the pickle created.
    private(set) var heap = PickleHeap()
    /// Where the next pickle may begin.
    var position: Int { reader.position }

    private let dialect: Dialect
    private var reader: ByteReader
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [UInt32: PickleValue] = [:]
    private var objects = 0
    private var elements = 0

    init(_ reader: ByteReader, dialect: Dialect = .torch) {
        self.reader = reader
        self.dialect = dialect
    }

    /// Runs one pickle to its end and returns what it left.
    mutating func run() throws(Failure) -> PickleValue {
        while true {
            let offset = reader.position
            guard let byte = reader.integer(UInt8.self) else { throw .malformed("the pickle has no end") }
            guard let opcode = Opcode(rawValue: byte), dialect == .numpy || !opcode.isOfNumpy else {
                throw .malformed(
                    "pickle opcode 0x\(String(byte, radix: 16)) at byte \(offset) is not one that "
                        + (dialect == .torch ? "torch.save uses" : "NumPy's arrays use"))
            }
            if opcode == .stop {
                guard stack.count == 1, marks.isEmpty, let result = stack.first else {
                    throw .malformed("the pickle ends with \(stack.count) values on its stack")
                }
                return result
            }
            try execute(opcode)
        }
    }

    private mutating func execute(_ opcode: Opcode) throws(Failure) {
        switch opcode {
        case .protocolVersion:
            let version = try number(UInt8.self)
            guard (2...5).contains(version) else { throw .malformed("pickle protocol \(version) is unknown") }
        case .stop: break
        case .mark:
            guard marks.count < Limit.stack else { throw .malformed("the pickle nests too deep") }
            marks.append(stack.count)
        case .none: try push(.none)
        case .newTrue: try push(.bool(true))
        case .newFalse: try push(.bool(false))
        case .byteInteger: try push(.integer(Int(try number(UInt8.self))))
        case .wordInteger: try push(.integer(Int(try number(UInt16.self))))
        case .binaryInteger: try push(.integer(Int(try number(Int32.self))))
        case .binaryFloat: try push(.float(Double(bitPattern: try number(UInt64.self).byteSwapped)))
        case .long: try push(try longInteger())
        case .unicode: try pushText(Int(try number(UInt32.self)))
        case .shortUnicode: try pushText(Int(try number(UInt8.self)))
        case .longUnicode: try pushText(try length())
        case .bytes: try pushBytes(Int(try number(UInt32.self)))
        case .shortBytes: try pushBytes(Int(try number(UInt8.self)))
        case .longBytes, .byteArray: try pushBytes(try length())
        case .string: try pushString(Int(try number(UInt32.self)))
        case .shortString: try pushString(Int(try number(UInt8.self)))
        case .frame: _ = try number(UInt64.self)
        case .memoize: try store(UInt32(memo.count))
        case .stackGlobal:
            guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
                throw .malformed("the pickle names a global in an unknown way")
            }
            try push(.global(try global(module, name)))
        case .emptyTuple: try pushSequence([]) { .tuple($0) }
        case .emptyList: try pushSequence([]) { .list($0) }
        case .emptyDictionary: try pushDictionary([])
        case .tuple: try pushSequence(try popMarked()) { .tuple($0) }
        case .tuple1: try pushSequence([try pop()]) { .tuple($0) }
        case .tuple2:
            let second = try pop()
            try pushSequence([try pop(), second]) { .tuple($0) }
        case .tuple3:
            let (third, second) = (try pop(), try pop())
            try pushSequence([try pop(), second, third]) { .tuple($0) }
        case .append: try extendList([try pop()])
        case .appends: try extendList(try popMarked())
        case .setItem:
            let value = try pop()
            try setItems([try pop(), value])
        case .setItems: try setItems(try popMarked())
        case .put: try store(UInt32(try number(UInt8.self)))
        case .longPut: try store(try number(UInt32.self))
        case .get: try recall(UInt32(try number(UInt8.self)))
        case .longGet: try recall(try number(UInt32.self))
        case .global: try push(.global(try globalName()))
        case .reduce:
            let arguments = try pop()
            try push(try apply(try pop(), to: arguments))
        case .newObject:
            guard heap.tuple(try pop())?.isEmpty == true, case .global(.namespace) = try pop() else {
                throw .malformed("the pickle makes an object of an unexpected kind")
            }
            try pushDictionary([])
        case .build: try build()
        case .persistentID: try pushStorage(try pop())
        }
    }

    // MARK: Stack and memo

    private mutating func push(_ value: PickleValue) throws(Failure) {
        guard stack.count < Limit.stack else { throw .malformed("the pickle's stack grows too high") }
        stack.append(value)
    }

    private mutating func pop() throws(Failure) -> PickleValue {
        guard stack.count > marks.last ?? 0, let value = stack.popLast() else {
            throw .malformed("the pickle takes a value from an empty stack")
        }
        return value
    }

    private mutating func popMarked() throws(Failure) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw .malformed("the pickle lacks a mark") }
        let values = Array(stack[mark...])
        stack.removeSubrange(mark...)
        return values
    }

    private func top() throws(Failure) -> PickleValue {
        guard stack.count > marks.last ?? 0, let value = stack.last else {
            throw .malformed("the pickle uses a value of an empty stack")
        }
        return value
    }

    private mutating func store(_ index: UInt32) throws(Failure) {
        guard memo.count < Limit.memo else { throw .malformed("the pickle remembers too much") }
        memo[index] = try top()
    }

    private mutating func recall(_ index: UInt32) throws(Failure) {
        guard let value = memo[index] else { throw .malformed("the pickle recalls what it never stored (\(index))") }
        try push(value)
    }

    // MARK: Literals

    private mutating func number<Value: FixedWidthInteger>(_: Value.Type) throws(Failure) -> Value {
        guard let value = reader.integer(Value.self) else { throw .malformed("the pickle ends inside a number") }
        return value
    }

    private mutating func longInteger() throws(Failure) -> PickleValue {
        guard let bytes = reader.take(Int(try number(UInt8.self))) else {
            throw .malformed("the pickle ends inside a number")
        }
        guard bytes.count <= 8 else { return .bigInteger }
        guard let last = bytes.last else { return .integer(0) }
        // Two's complement, least significant byte first.
        var value = last & 0x80 != 0 ? -1 : 0
        for byte in bytes.reversed() { value = value << 8 | Int(byte) }
        return .integer(value)
    }

    private mutating func length() throws(Failure) -> Int {
        guard let length = Int(exactly: try number(UInt64.self)) else {
            throw .malformed("the pickle claims a length beyond any file")
        }
        return length
    }

    /// The place of the next bytes, which are passed over.
    private mutating func take(_ length: Int) throws(Failure) -> (Range<Int>, UnsafeRawBufferPointer) {
        let first = reader.position
        guard let bytes = reader.take(length) else { throw .malformed("the pickle ends inside \(length) bytes") }
        return (first..<reader.position, bytes)
    }

    private mutating func pushText(_ length: Int) throws(Failure) {
        if dialect == .numpy, length > Limit.name {
            try pushBlob(.text(try take(length).0))
            return
        }
        guard length <= Limit.string, let bytes = reader.take(length) else {
            throw .malformed("a text of \(length) bytes in the pickle")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .malformed("a text in the pickle is not UTF-8")
        }
        try push(.string(text))
    }

    private mutating func pushBytes(_ length: Int) throws(Failure) { try pushBlob(.bytes(try take(length).0)) }

    /// A string of Python 2, which is a text or bytes.
    private mutating func pushString(_ length: Int) throws(Failure) {
        let (range, bytes) = try take(length)
        guard length <= Limit.name, bytes.allSatisfy({ $0 < 0x80 }) else {
            try pushBlob(.bytes(range))
            return
        }
        try push(.string(String(decoding: bytes, as: UTF8.self)))
    }

    private mutating func pushBlob(_ blob: PickleBlob) throws(Failure) {
        try countObject(elements: 0)
        heap.blobs.append(blob)
        try push(.blob(heap.blobs.count - 1))
    }

    private mutating func globalName() throws(Failure) -> PickleGlobal {
        guard let module = reader.line(limit: Limit.global), let name = reader.line(limit: Limit.global) else {
            throw .malformed("the pickle names a global without an end")
        }
        return try global(String(decoding: module, as: UTF8.self), String(decoding: name, as: UTF8.self))
    }

    private func global(_ module: String, _ name: String) throws(Failure) -> PickleGlobal {
        let found =
            switch dialect {
            case .torch: PickleGlobal(module: module, name: name)
            case .numpy: PickleGlobal(numpyModule: module, name: name)
            }
        guard let found else { throw .refusedGlobal(printable("\(module.prefix(100)).\(name.prefix(100))")) }
        return found
    }

    // MARK: Containers

    private mutating func countObject(elements added: Int) throws(Failure) {
        objects += 1
        elements += added
        guard objects <= Limit.objects, elements <= Limit.elements else {
            throw .malformed("the pickle creates too many objects")
        }
    }

    private mutating func pushSequence(
        _ values: [PickleValue], _ wrap: (Int) -> PickleValue
    ) throws(Failure) {
        try countObject(elements: values.count)
        heap.sequences.append(values)
        try push(wrap(heap.sequences.count - 1))
    }

    private mutating func pushDictionary(_ items: [(key: PickleValue, value: PickleValue)]) throws(Failure) {
        try countObject(elements: items.count)
        heap.dictionaries.append(items)
        try push(.dictionary(heap.dictionaries.count - 1))
    }

    private mutating func extendList(_ values: [PickleValue]) throws(Failure) {
        guard case .list(let index) = try top() else { throw .malformed("the pickle appends to what is no list") }
        try countObject(elements: values.count)
        heap.sequences[index] += values
    }

    private mutating func setItems(_ values: [PickleValue]) throws(Failure) {
        guard case .dictionary(let index) = try top() else {
            throw .malformed("the pickle sets an item of what is no dictionary")
        }
        guard values.count % 2 == 0 else { throw .malformed("the pickle has a key without a value") }
        try countObject(elements: values.count)
        for i in stride(from: 0, to: values.count, by: 2) {
            heap.dictionaries[index].append((values[i], values[i + 1]))
        }
    }

    /// Gives an object its attributes: `_metadata` of a state dictionary, which nothing needs, a namespace's fields, or what an array is.
    private mutating func build() throws(Failure) {
        let state = try pop()
        switch (try top(), state) {
        case (.dictionary, .dictionary): break
        case (.elementType(let index), .tuple):
            try heap.setByteOrder(ofType: index, state)
        case (.array(let index), .tuple):
            try heap.fillArray(index, state, from: reader)
        default: throw .malformed("the pickle gives attributes to what can have none")
        }
    }

    // MARK: Tensors

    private mutating func apply(_ function: PickleValue, to arguments: PickleValue) throws(Failure) -> PickleValue {
        guard case .global(let global) = function, let values = heap.tuple(arguments) else {
            throw .malformed("the pickle applies what is no function")
        }
        switch global {
        case .orderedDictionary where values.isEmpty:
            try countObject(elements: 0)
            heap.dictionaries.append([])
            return .dictionary(heap.dictionaries.count - 1)
        case .counter:
            guard values.count == 1, case .dictionary(let index) = values[0] else { break }
            return .dictionary(index)
        case .rebuildTensor:
            guard (6...7).contains(values.count), case .storage(let storage) = values[0],
                case .integer(let offset) = values[1], let shape = heap.integers(values[2]),
                let strides = heap.integers(values[3])
            else { break }
            try countObject(elements: shape.count)
            heap.tensors.append(
                PickleTensor(storage: heap.storages[storage], offset: offset, shape: shape, strides: strides))
            return .tensor(heap.tensors.count - 1)
        case .reconstruct, .elementType, .encode, .fromBuffer:
            let made = try heap.applied(global, to: values, from: reader)
            try countObject(elements: 0)
            return made
        case .rebuildParameter:
            guard values.count == 3, case .tensor = values[0] else { break }
            return values[0]
        default: break
        }
        throw .malformed("the pickle rebuilds an object from unexpected arguments")
    }

    /// Understands `('storage', type, key, device, count)`, in legacy files with a sixth element for a part of a storage.
    private mutating func pushStorage(_ identifier: PickleValue) throws(Failure) {
        guard let values = heap.tuple(identifier), (5...6).contains(values.count),
            case .string("storage") = values[0], case .global(.storage(let scalarType)) = values[1],
            case .string(let key) = values[2], case .string = values[3],
            case .integer(let count) = values[4], count >= 0
        else { throw .malformed("the pickle refers to a storage in an unknown way") }
        guard !count.multipliedReportingOverflow(by: scalarType.byteCount).overflow else {
            throw .malformed("the storage \(printable(key)) claims \(count) elements")
        }
        var storage = PickleStorage(key: key, scalarType: scalarType, count: count, length: count)
        if values.count == 6, case .tuple(let part) = values[5] {
            let view = heap.sequences[part]
            guard view.count == 3, case .integer(let start) = view[1], case .integer(let length) = view[2],
                start >= 0, length >= 0, start <= count, length <= count - start
            else { throw .malformed("the pickle takes an impossible part of the storage \(printable(key))") }
            storage.start = start
            storage.length = length
        }
        try countObject(elements: 0)
        heap.storages.append(storage)
        try push(.storage(heap.storages.count - 1))
    }
}
