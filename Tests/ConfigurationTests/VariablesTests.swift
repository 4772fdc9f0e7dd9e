import Testing

@testable import Configuration

@Suite("Variables in values")
struct VariablesTests {
    @Test(
        "variables are replaced once, with defaults and an escape",
        arguments: [
            ("plain", "plain"), ("${A}", "1"), ("x${A}y${B}z", "x1y${A}z"), ("${NO:-d}", "d"), ("${EMPTY:-d}", "d"),
            ("${EMPTY}", ""), ("${NO:-}", ""), ("$${A}", "${A}"), ("$A $", "$A $"), ("${A}${A}", "11"),
        ])
    func variables(text: String, expected: String) throws {
        #expect(try Variables.replace(in: text, from: ["A": "1", "B": "${A}", "EMPTY": ""]) == expected)
    }
}
