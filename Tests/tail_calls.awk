# Reads `objdump -d --no-show-raw-insn` and fails on functions that return a register for errors which holds something else.
#
# Swift's functions give errors back in r12 (the calling convention swiftcc; LLVM's attribute swifterror), which those that can throw, or
# are closures that take the place of such, do not save for their callers. LLVM makes no tail call from them, except to memset, memcpy and
# memmove, and then forgets to put r12 back: what is left in it is taken for an error, and swift_retain crashes on it or a caller stops
# half-way. Seen with Swift 6.3.1 on x86-64. The remedy is that no throwing function or closure ends with one of these three.
function report() {
    if (tail != "" && writes && !saves) {
        print "ends with " tail " and may return garbage as its error: " name
        found = 1
    }
}
/^[0-9a-f]+ <.*>:$/ {
    report()
    name = $2
    tail = ""
    writes = saves = 0
    next
}
/push +%r12/ { saves = 1; next }
/%r12[dwb]?$/ && !/(cmp|test)[a-z]* / { writes = 1 }
/jmp +[0-9a-f]+ <(memset|memcpy|memmove)(@plt)?>$/ { tail = $NF }
END {
    report()
    exit found
}
