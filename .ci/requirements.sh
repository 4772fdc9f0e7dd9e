# Sourced by Samples/run and Tests/run: sees to Swift and the system's libraries, or says exactly what to install.

# The package's tools version.
swift_needed=6.1
packages=(
    libavformat-dev libavcodec-dev libavdevice-dev libswscale-dev libopenblas-dev libmosquitto-dev libfontconfig-dev
    libfreetype-dev fonts-dejavu-core pkg-config
)
# The same libraries by their pkg-config names, for systems whose packages are called otherwise.
modules=(libavformat libavcodec libavdevice libavutil libswscale openblas libmosquitto fontconfig freetype2)

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

require_swift() {
    local version
    command -v swift >/dev/null || fail \
        "Swift $swift_needed or newer is needed and no 'swift' is on the PATH." \
        "Install it from https://www.swift.org/install/ and run this again."
    version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+(\.[0-9]+)*).*/\1/p' | head -n 1)
    [ "$(printf '%s\n' "$swift_needed" "${version:-0}" | sort -V | head -n 1)" = "$swift_needed" ] || fail \
        "Swift $swift_needed or newer is needed; $(command -v swift) is version ${version:-unknown}." \
        "Install a newer one from https://www.swift.org/install/ and run this again."
}

# Installs what is missing of the libraries and of the packages given as arguments.
require_packages() {
    local wanted=("${packages[@]}" "$@") missing=() package module command
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        command -v pkg-config >/dev/null || fail "pkg-config is needed. Install it and run this again."
        for module in "${modules[@]}"; do
            pkg-config --exists "$module" || missing+=("$module")
        done
        for command in "$@"; do
            command -v "$command" >/dev/null || fail "$command is needed. Install it and run this again."
        done
        [ ${#missing[@]} -eq 0 ] || fail \
            "These libraries are missing, by their pkg-config names: ${missing[*]}." \
            "Install their development packages (on Debian and Ubuntu: ${wanted[*]}) and run this again."
        return
    fi
    for package in "${wanted[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command=(apt-get)
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail \
            "These packages are missing: ${missing[*]}." "As root, run: apt-get install ${missing[*]}"
        command=(sudo apt-get)
    fi
    echo "Installing ${missing[*]}" >&2
    { "${command[@]}" update -q && DEBIAN_FRONTEND=noninteractive "${command[@]}" install -y -q \
        --no-install-recommends "${missing[@]}"; } >&2 || fail \
        "These packages could not be installed: ${missing[*]}." "Run: ${command[*]} install ${missing[*]}"
}

require_python3() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        fail "Python 3.10 or newer is needed. Install python3 and python3-venv."
}

# Makes the folder's own Python environment from its requirements.txt, unless it is there; its interpreter is $python.
require_python() {
    local folder=$1
    python=$folder/.venv/bin/python
    ! cmp -s "$folder/requirements.txt" "$folder/.venv/installed" || return 0
    require_python3
    rm -rf "$folder/.venv"
    python3 -m venv "$folder/.venv" || fail "Python cannot make an environment. Install python3-venv."
    "$python" -m pip install -q --disable-pip-version-check -r "$folder/requirements.txt" >&2
    cp "$folder/requirements.txt" "$folder/.venv/installed"
}

# Builds the program as users have it; its path is $segmentd.
build_segmentd() {
    swift build -c release --product segmentd >&2
    segmentd=$(swift build -c release --show-bin-path)/segmentd
}
