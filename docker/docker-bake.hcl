// The images, and the only list of them: one for each dependency group, with the steps it runs.
//
//   docker buildx bake -f docker/docker-bake.hcl        or, without buildx: make images
//
// docker/build.py reads this file too.

variable "REGISTRY" { default = "" }
variable "TAG" { default = "latest" }
variable "BASE_IMAGE" { default = "python:3.11-slim-bookworm" }
// Dependency groups for the image of train beside its own: any of "mlflow wandb qlora privacy"
variable "EXTRAS" { default = "" }
// And for the image of clean and split: "translation"
variable "CLEAN_EXTRAS" { default = "" }

group "default" {
  targets = ["ingest", "clean", "version", "train", "evaluate"]
}

target "_common" {
  context    = "."
  dockerfile = "docker/Dockerfile"
  args       = { BASE_IMAGE = BASE_IMAGE }
}

target "ingest" {
  inherits = ["_common"]
  tags     = ["${REGISTRY}evertune-ingest:${TAG}"]
  args     = { GROUP = "ingest", STEPS = "resolve ingest", SYSTEM_PACKAGES = "git ca-certificates", TITLE = "evertune-ingest" }
}

target "clean" {
  inherits = ["_common"]
  tags     = ["${REGISTRY}evertune-clean:${TAG}"]
  args     = { GROUP = "clean", STEPS = "clean split", EXTRAS = CLEAN_EXTRAS, TITLE = "evertune-clean" }
}

target "version" {
  inherits = ["_common"]
  tags     = ["${REGISTRY}evertune-version:${TAG}"]
  args     = { GROUP = "version", STEPS = "version fetch", SYSTEM_PACKAGES = "git ca-certificates", TITLE = "evertune-version" }
}

target "train" {
  inherits = ["_common"]
  tags     = ["${REGISTRY}evertune-train:${TAG}"]
  args     = { GROUP = "train", STEPS = "train", TORCH = "1", EXTRAS = EXTRAS, TITLE = "evertune-train" }
}

target "evaluate" {
  inherits = ["_common"]
  tags     = ["${REGISTRY}evertune-evaluate:${TAG}"]
  args     = { GROUP = "evaluate", STEPS = "evaluate promote", TORCH = "1", TITLE = "evertune-evaluate" }
}
