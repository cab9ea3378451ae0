"""The main job: cube -> findings -> corrections -> proofs -> verdict."""
