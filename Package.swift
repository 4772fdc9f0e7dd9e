// swift-tools-version: 6.1
import PackageDescription

// Modules stand in the order of their layers: each imports only modules above its own line.
let package = Package(
    name: "segmentd",
    products: [
        .executable(name: "segmentd", targets: ["segmentd"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
    ],
    targets: [
        .systemLibrary(
            name: "CFFmpeg", pkgConfig: "libavformat",
            providers: [.apt(["libavformat-dev", "libavcodec-dev", "libswscale-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
        .systemLibrary(
            name: "CText", pkgConfig: "fontconfig", providers: [.apt(["libfontconfig-dev", "libfreetype-dev"])]),

        .target(name: "CKernels"),
        .target(name: "Locks"),
        .target(name: "RandomNumbers"),
        .target(name: "Files"),
        .target(name: "Configuration", dependencies: ["Files", .product(name: "Yams", package: "Yams")]),
        .target(name: "Instances"),
        .target(name: "COCO", dependencies: ["Files", "Instances"]),
        .target(name: "Tensors", dependencies: ["CKernels", "COpenBLAS", "Locks"]),
        .target(name: "Checkpoints", dependencies: ["Files"]),
        .target(name: "MaskRCNN", dependencies: ["Tensors", "Checkpoints", "Instances"]),
        .target(name: "Tracking", dependencies: ["Instances"]),
        .target(name: "Events", dependencies: ["Instances"]),
        .target(name: "Video", dependencies: ["CFFmpeg", "Files", "Instances", "Locks"]),
        .target(
            name: "Training",
            dependencies: [
                "COCO", "Checkpoints", "Configuration", "Files", "Instances", "Locks", "MaskRCNN", "RandomNumbers",
                "Tensors", "Video",
            ]),
        .target(name: "Annotation", dependencies: ["CText", "Instances", "Video"]),
        .target(name: "Pipeline", dependencies: ["Locks"]),
        .target(name: "Outputs", dependencies: ["CMosquitto", "Files", "Instances", "Locks", "Pipeline", "Video"]),
        .target(name: "Synthesis", dependencies: ["Files", "Instances", "RandomNumbers", "Video"]),
        .target(
            name: "Service",
            dependencies: [
                "Annotation", "Configuration", "Events", "Files", "Instances", "Locks", "MaskRCNN", "Outputs",
                "Pipeline", "Synthesis", "Tracking", "Video", .product(name: "FlyingSocks", package: "FlyingFox"),
                .product(name: "Logging", package: "swift-log"), .product(name: "Yams", package: "Yams"),
            ]),
        .executableTarget(
            name: "segmentd",
            dependencies: [
                "Annotation", "COCO", "Checkpoints", "Configuration", "Files", "Instances", "Locks", "MaskRCNN",
                "Outputs", "Pipeline", "Service", "Synthesis", "Tensors", "Tracking", "Training", "Video",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),

        .testTarget(name: "FilesTests", dependencies: ["Files"]),
        .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"]),
        .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints", "Files", "RandomNumbers"]),
        .testTarget(name: "InstancesTests", dependencies: ["Instances", "RandomNumbers"]),
        .testTarget(name: "COCOTests", dependencies: ["COCO", "Instances", "RandomNumbers"]),
        .testTarget(name: "TensorsTests", dependencies: ["CKernels", "Tensors", "Checkpoints"]),
        .testTarget(name: "MaskRCNNTests", dependencies: ["MaskRCNN", "Tensors", "Checkpoints", "Instances"]),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "COCO", "Checkpoints", "Configuration", "Files", "Instances", "MaskRCNN", "RandomNumbers", "Tensors",
                "Training",
            ]),
        .testTarget(name: "TrackingTests", dependencies: ["RandomNumbers", "Tracking"]),
        .testTarget(name: "EventsTests", dependencies: ["Events", "Instances", "RandomNumbers"]),
        .testTarget(name: "VideoTests", dependencies: ["Files", "Instances", "Locks", "RandomNumbers", "Video"]),
        .testTarget(name: "AnnotationTests", dependencies: ["Annotation", "Instances", "Video"]),
        .testTarget(name: "SynthesisTests", dependencies: ["Synthesis", "Files", "Instances", "Video"]),
        .testTarget(name: "PipelineTests", dependencies: ["Locks", "Pipeline"]),
        .testTarget(name: "OutputsTests", dependencies: ["Files", "Instances", "Outputs", "RandomNumbers"]),
        .testTarget(
            name: "ServiceTests",
            dependencies: [
                "Configuration", "Events", "Instances", "Outputs", "Pipeline", "RandomNumbers", "Service", "Tracking",
                "Video", .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "CommandTests", dependencies: ["segmentd", "Checkpoints", "Instances", "MaskRCNN", "Outputs"]),
    ],
    swiftLanguageModes: [.v6]
)
