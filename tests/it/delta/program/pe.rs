//! PE for the programs of tests.

use super::{Linked, Machine, page};

impl Linked {
    pub(super) fn pe(&self) -> Vec<u8> {
        let arm = self.machine == Machine::Arm;
        let mut functions: Vec<u8> = Vec::new();
        for &(start, length) in &self.starts {
            functions.extend((start as u32).to_le_bytes());
            if !arm {
                functions.extend(((start + length) as u32).to_le_bytes());
            }
            functions.extend((self.at[1] as u32).to_le_bytes());
        }
        let functions_at = self.at[2] + page(self.data.len());
        let mut relocations = Vec::new();
        for (number, block) in (0..self.pointers).collect::<Vec<_>>().chunks(0x200).enumerate() {
            relocations.extend((self.at[2] as u32 + number as u32 * 0x1000).to_le_bytes());
            relocations.extend((8 + block.len() as u32 * 2).to_le_bytes());
            block
                .iter()
                .for_each(|at| relocations.extend((0xa000 | ((at % 0x200) as u16 * 8)).to_le_bytes()));
        }
        let relocations_at = functions_at + page(functions.len());
        let sections: [(&[u8; 8], u64, &[u8], u32); 5] = [
            (b".text\0\0\0", self.at[0], &self.text, 0x6000_0020),
            (b".rdata\0\0", self.at[1], &self.constants, 0x4000_0040),
            (b".data\0\0\0", self.at[2], &self.data, 0xc000_0040),
            (b".pdata\0\0", functions_at, &functions, 0x4000_0040),
            (b".reloc\0\0", relocations_at, &relocations, 0x4200_0040),
        ];
        let mut out = vec![0; 0x400];
        out[..2].copy_from_slice(b"MZ");
        out[0x3c] = 0x80;
        out[0x80..0x86].copy_from_slice(b"PE\0\0\x64\x86");
        if arm {
            out[0x85] = 0xaa;
        }
        (out[0x86], out[0x94]) = (5, 0xf0);
        out[0x98..0x9a].copy_from_slice(&[0x0b, 2]);
        out[0xb0..0xb8].copy_from_slice(&0x1_4000_0000u64.to_le_bytes());
        let size = relocations_at + page(relocations.len());
        out[0xd0..0xd4].copy_from_slice(&(size as u32).to_le_bytes());
        out[0xd4..0xd8].copy_from_slice(&0x400u32.to_le_bytes());
        for (directory, at, length) in
            [(3, functions_at, functions.len()), (5, relocations_at, relocations.len())]
        {
            let place = 0x98 + 112 + directory * 8;
            out[place..place + 4].copy_from_slice(&(at as u32).to_le_bytes());
            out[place + 4..place + 8].copy_from_slice(&(length as u32).to_le_bytes());
        }
        for (number, (name, at, bytes, flags)) in sections.into_iter().enumerate() {
            let stored = bytes.len().next_multiple_of(0x200);
            let mut header = name.to_vec();
            let fields = [bytes.len() as u32, at as u32, stored as u32, out.len() as u32, 0, 0, 0, flags];
            fields.iter().for_each(|field| header.extend(field.to_le_bytes()));
            let place = 0x98 + 0xf0 + number * 40;
            out[place..place + 40].copy_from_slice(&header);
            out.extend_from_slice(bytes);
            out.resize(out.len().next_multiple_of(0x200), 0);
        }
        out
    }
}
