"""Dtypes: what every torch knows, what came later, and what is silently cast."""

from ckptcell import inputs, modes
from ckptcell.cases.base import Case

__all__ = [
    "DtypeBfloat16",
    "DtypeBits",
    "DtypeBoolAndIntegers",
    "DtypeComplex",
    "DtypeComplexConj",
    "DtypeComplexConjResolved",
    "DtypeComplexHalf",
    "DtypeDoubleIntoFloat",
    "DtypeFloat4",
    "DtypeFloat8",
    "DtypeFloat8AsBytes",
    "DtypeFloat8E8m0",
    "DtypeFloat8Fnuz",
    "DtypeHalf",
    "DtypeUint16",
    "DtypeUint16AsInt32",
    "DtypeUint32Uint64",
]


class _Dtypes(Case):
    """A dict of tensors of one dtype or a few."""

    family = "dtype"

    def weights(self, *names):
        """A tensor of each dtype that has a name here, under that name."""
        import torch

        kinds = [(name, getattr(torch, name)) for name in names]
        return {name: inputs.numbers(2, 3, dtype=kind).to(self.device) for name, kind in kinds}


class DtypeHalf(_Dtypes):
    """Half precision, in every torch there is."""

    name = "dtype_half"
    title = "float16 tensor"

    def make(self):
        return self.weights("float16")


class DtypeBfloat16(_Dtypes):
    """The dtype most weights are published in."""

    name = "dtype_bfloat16"
    title = "bfloat16 tensor"
    needs = ("torch.bfloat16",)

    def make(self):
        return self.weights("bfloat16")


class DtypeFloat8(_Dtypes):
    """Rebuilt by ``_rebuild_tensor_v3``, which torch before 2.2 does not have (pytorch#114662)."""

    name = "dtype_float8"
    title = "float8_e4m3fn and float8_e5m2 tensors"
    needs = ("torch.float8_e4m3fn", "torch.float8_e5m2")

    def make(self):
        return self.weights("float8_e4m3fn", "float8_e5m2")


class DtypeFloat8AsBytes(_Dtypes):
    """What every version reads: the bytes, and the dtype's name beside them."""

    name = "dtype_float8_as_bytes"
    title = "float8 tensors saved as bytes with the name of their dtype"
    needs = ("torch.float8_e4m3fn", "torch.float8_e5m2")
    variant_of = "dtype_float8"
    cure = "plain_values"

    def make(self):
        import torch

        weights = self.weights("float8_e4m3fn", "float8_e5m2")
        return {name: weight.view(torch.uint8) for name, weight in weights.items()}


class DtypeFloat8Fnuz(_Dtypes):
    """The 8-bit floats of AMD's accelerators: without a negative zero, with another bias."""

    name = "dtype_float8_fnuz"
    title = "float8_e4m3fnuz and float8_e5m2fnuz tensors"
    needs = ("torch.float8_e4m3fnuz", "torch.float8_e5m2fnuz")

    def make(self):
        return self.weights("float8_e4m3fnuz", "float8_e5m2fnuz")


class DtypeFloat8E8m0(_Dtypes):
    """Scales of microscaling formats: exponents alone, so only powers of two (pytorch#147466)."""

    name = "dtype_float8_e8m0"
    title = "float8_e8m0fnu tensor of scales"
    needs = ("torch.float8_e8m0fnu",)

    def make(self):
        import torch

        scales = torch.tensor([0.25, 0.5, 1.0, 2.0, 4.0, 256.0])
        return {"scales": scales.to(device=self.device, dtype=torch.float8_e8m0fnu)}


class DtypeFloat4(_Dtypes):
    """Two numbers a byte, which nothing converts to: the bytes are given the dtype."""

    name = "dtype_float4"
    title = "float4_e2m1fn_x2 tensor"
    needs = ("torch.float4_e2m1fn_x2",)

    def make(self):
        import torch

        packed = torch.tensor([0x10, 0x32, 0x54, 0x76], dtype=torch.uint8, device=self.device)
        return {"weight": packed.view(torch.float4_e2m1fn_x2)}


class DtypeBits(_Dtypes):
    """Bits without a meaning, a dtype torch saves and few people know."""

    name = "dtype_bits"
    title = "bits8 and bits16 tensors"
    needs = ("torch.bits8", "torch.bits16")

    def make(self):
        import torch

        octets = torch.tensor([0, 1, 128, 255], dtype=torch.uint8, device=self.device)
        return {"bits8": octets.view(torch.bits8), "bits16": octets.view(torch.bits16)}


class DtypeUint16(_Dtypes):
    """Unsigned integers wider than a byte came with torch 2.3."""

    name = "dtype_uint16"
    title = "uint16 tensor"
    needs = ("torch.uint16",)

    def make(self):
        import torch

        tokens = torch.tensor([0, 1, 256, 65535], dtype=torch.int64)
        return {"tokens": tokens.to(device=self.device, dtype=torch.uint16)}


class DtypeUint16AsInt32(_Dtypes):
    """The same tokens as integers every version has."""

    name = "dtype_uint16_as_int32"
    title = "uint16 tensor saved as int32"
    needs = ("torch.uint16",)
    variant_of = "dtype_uint16"
    cure = "plain_values"

    def make(self):
        import torch

        tokens = torch.tensor([0, 1, 256, 65535], dtype=torch.int64).to(torch.uint16)
        return {"tokens": tokens.to(device=self.device, dtype=torch.int32)}


class DtypeUint32Uint64(_Dtypes):
    """The widest unsigned integers, up to their largest number."""

    name = "dtype_uint32_uint64"
    title = "uint32 and uint64 tensors"
    needs = ("torch.uint32", "torch.uint64")

    def make(self):
        import torch

        return {
            "uint32": torch.tensor([0, 2**32 - 1], dtype=torch.uint32, device=self.device),
            "uint64": torch.tensor([0, 2**64 - 1], dtype=torch.uint64, device=self.device),
        }


class DtypeBoolAndIntegers(_Dtypes):
    """The integers every torch has, to their ends, and booleans."""

    name = "dtype_bool_and_integers"
    title = "Tensors of bool and of every signed and small integer"

    def make(self):
        import torch

        ends = {"bool": [0, 1], "uint8": [0, 255]}
        for bits in (8, 16, 32, 64):
            ends["int%d" % bits] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
        return {
            name: torch.tensor(values, dtype=getattr(torch, name), device=self.device)
            for name, values in ends.items()
        }


class DtypeComplex(_Dtypes):
    """Complex numbers, which torch can make and save since 1.6."""

    name = "dtype_complex"
    title = "complex64 and complex128 tensors"
    needs = ("torch.view_as_real",)

    def make(self):
        import torch

        numbers = [1 + 2j, -0.5 - 1j, 0j]
        return {
            name: torch.tensor(numbers, dtype=getattr(torch, name), device=self.device)
            for name in ("complex64", "complex128")
        }


class DtypeComplexHalf(_Dtypes):
    """Half-precision complex numbers, which torch saves since 2.3 (pytorch#120290)."""

    name = "dtype_complex_half"
    title = "complex32 tensor"
    needs = ("torch.view_as_complex", "torch.chalf")

    def make(self):
        import torch

        pairs = inputs.numbers(3, 2, dtype=torch.float16, device=self.device)
        return {"weight": torch.view_as_complex(pairs)}


class DtypeComplexConj(_Dtypes):
    """Conjugated by a flag, which torch 1.12 forgets when it saves (pytorch#81690)."""

    name = "dtype_complex_conj"
    title = "Lazily conjugated complex tensor"
    needs = ("torch.Tensor.is_conj",)

    def make(self):
        import torch

        return {"weight": torch.tensor([1 + 2j, 3 - 1j], device=self.device).conj()}


class DtypeComplexConjResolved(_Dtypes):
    """Conjugated in memory: there is no flag that could be lost."""

    name = "dtype_complex_conj_resolved"
    title = "Conjugated complex tensor, resolved before it is saved"
    needs = ("torch.Tensor.resolve_conj",)
    variant_of = "dtype_complex_conj"
    cure = "materialised"

    def make(self):
        import torch

        return {"weight": torch.tensor([1 + 2j, 3 - 1j], device=self.device).conj().resolve_conj()}


class DtypeDoubleIntoFloat(_Dtypes):
    """``load_state_dict`` casts to what the module has, and says nothing."""

    name = "dtype_double_into_float"
    title = "float64 state dict loaded into a float32 module"
    expect = {"verdict": "changed", "reasons": ["dtype_changed"]}

    def make(self):
        import torch

        return inputs.fill(torch.nn.Linear(3, 2).double()).to(self.device).state_dict()

    def load(self, path, mode):
        import torch

        module = torch.nn.Linear(3, 2).to(self.device)
        module.load_state_dict(modes.torch_load(path, mode, self.device))
        return module.state_dict()
