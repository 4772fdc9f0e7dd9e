#!/usr/bin/env bash
# Makes the references of TrainingTests anew; PYTHON is one with torchvision and safetensors.
set -euo pipefail
cd "$(dirname "$0")/../.."
options=(--size 96x128 --objects 3 --steps 3 --anchors 64 --regions 48)

# Constant normalisation and a frozen part of the backbone; normalisation that learns; the same with all that torchvision's v2 models
# and ResNeXt have besides, and a frozen part, whose statistics follow the batches all the same.
reference() {
    "${PYTHON:-python3}" Tests/Training/reference.py --configuration "Tests/Training/configurations/$1.json" \
        --output "Tests/Fixtures/training/$2.safetensors" "${options[@]}" "${@:3}"
}
reference basic basic
reference basic norms --live-norms --stages 0
reference bottleneck bottleneck --live-norms --stages 2
# Groups of channels under constant normalisation, as a pretrained ResNeXt has them.
reference bottleneck groups --stages 1
# VGG with biases and 2x2 pools, and group normalisation.
reference vgg vgg --stages 0
