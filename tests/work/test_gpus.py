"""Which GPUs a worker finds, for what nvidia-smi says and what the environment allows; which slot gets which."""

import pytest
from site_of_work import FIRST, SECOND, Node

from polyomics.errors import EngineFailed, InvalidSettings
from polyomics.work.gpus import Gpu, Place, find_gpus, spread

MIG = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 3g.20gb     Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-6e6ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
"""
OLD_MIG = """GPU 0: A100-SXM4-40GB (UUID: GPU-e86cb44c-6756-fd30-cd4a-1e6da3caf9b0)
  MIG 3g.20gb Device 0: (UUID: MIG-GPU-e86cb44c-6756-fd30-cd4a-1e6da3caf9b0/1/0)
"""


def found(node: Node, devices: str | None = None, **environment: str) -> list[str]:
    return [gpu.id for gpu in find_gpus(devices, {"PATH": str(node.folder), **environment})]


def test_all_cards_by_their_uuid(gpu_node: Node) -> None:
    assert found(gpu_node) == [FIRST, SECOND]
    assert [str(gpu) for gpu in find_gpus(None, {"PATH": str(gpu_node.folder)})] == [
        f"{FIRST} (NVIDIA H200)",
        f"{SECOND} (NVIDIA H200)",
    ]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("1", [SECOND]),
        ("1,0", [SECOND, FIRST]),
        ("GPU-bbbb", [SECOND]),
        (f"{SECOND},0,{SECOND}", [SECOND, FIRST]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
    ],
)
def test_what_the_environment_allows_in_its_order(gpu_node: Node, visible: str, expected: list[str]) -> None:
    assert found(gpu_node, CUDA_VISIBLE_DEVICES=visible) == expected
    assert found(gpu_node, visible) == expected
    assert found(gpu_node, visible, CUDA_VISIBLE_DEVICES="0") == expected


def test_the_listing_is_not_narrowed_by_the_environment_itself(gpu_node: Node) -> None:
    found(gpu_node, CUDA_VISIBLE_DEVICES="1")
    (call,) = gpu_node.calls("nvidia-smi")
    assert call["arguments"] == ["-L"]
    assert "CUDA_VISIBLE_DEVICES" not in call["environment"]


def test_a_card_that_is_cut_up_counts_by_its_parts(node: Node) -> None:
    node.add("nvidia-smi", MIG)
    first, second = "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f", "MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb"
    assert found(node) == [first, second, "GPU-6e6ba0d6-d33d-2b2c-524d-9e3d8d2b8a77"]
    assert found(node, "0") == [first, second]
    assert found(node, CUDA_VISIBLE_DEVICES=second) == [second]
    assert find_gpus("MIG-cba", {"PATH": str(node.folder)})[0].is_part


def test_the_ids_of_parts_in_older_drivers(node: Node) -> None:
    node.add("nvidia-smi", OLD_MIG)
    assert found(node) == ["MIG-GPU-e86cb44c-6756-fd30-cd4a-1e6da3caf9b0/1/0"]


def test_an_unknown_card_is_refused_with_those_there_are(gpu_node: Node) -> None:
    with pytest.raises(InvalidSettings, match=f"no GPU '7'.*0: {FIRST}"):
        found(gpu_node, "0,7")


def test_no_gpu_without_nvidia_smi_unless_one_is_named(node: Node) -> None:
    assert found(node) == []
    assert found(node, CUDA_VISIBLE_DEVICES="GPU-x, 1") == ["GPU-x", "1"]


def test_no_gpu_in_the_machine(node: Node) -> None:
    node.add("nvidia-smi", "No devices were found\n", code=6)
    assert found(node) == []


@pytest.mark.parametrize(
    ("says", "code", "reason"),
    [
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", 9, "communicate"),
        ("Failed to initialize NVML: Driver/library version mismatch\n", 18, "mismatch"),
        ("", 1, "code 1"),
    ],
)
def test_a_broken_driver_is_an_error_not_a_machine_without_gpu(node: Node, says: str, code: int, reason: str) -> None:
    node.add("nvidia-smi", says, code=code)
    with pytest.raises(EngineFailed, match=f"{reason}.*--platform CPU"):
        found(node)


@pytest.mark.parametrize("n_gpus", [1, 2, 3, 8])
@pytest.mark.parametrize("slots", [1, 2, 5, 8])
def test_loads_of_gpus_differ_by_one_at_most(slots: int, n_gpus: int) -> None:
    gpus = [Gpu(str(number)) for number in range(n_gpus)]
    placed = spread(slots, gpus)
    loads = [placed.count(gpu) for gpu in gpus]
    assert sum(loads) == slots
    assert max(loads) - min(loads) <= 1


def test_slots_without_gpu_leave_the_environment_alone() -> None:
    assert spread(3, []) == [None, None, None]
    assert Place().device == ""
    assert Place().environment == {}
