//! Whether what lies somewhere is the system's alone: nobody but administrators and the system itself can change it.
#![expect(unsafe_code, reason = "calls of the Windows API")]

use std::io;
use std::path::Path;

use windows_sys::Win32::Foundation::{ERROR_SUCCESS, GENERIC_ALL, GENERIC_WRITE, LocalFree};
use windows_sys::Win32::Security::Authorization::{GetNamedSecurityInfoW, SE_FILE_OBJECT};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce, INHERIT_ONLY_ACE, IsWellKnownSid,
    OWNER_SECURITY_INFORMATION, PSID, WinBuiltinAdministratorsSid, WinCreatorOwnerRightsSid,
    WinCreatorOwnerSid, WinLocalSystemSid,
};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_APPEND_DATA, FILE_DELETE_CHILD, FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA, FILE_WRITE_EA,
    WRITE_DAC, WRITE_OWNER,
};

use super::path::wide;
use super::user::in_words;

/// The service that lays down Windows itself; no list of well-known accounts has it.
const INSTALLER: &str = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";

/// Rights to rename or remove a folder, or what is in it, and to give oneself such rights.
const TO_REPLACE: u32 = DELETE | FILE_DELETE_CHILD | WRITE_DAC | WRITE_OWNER | GENERIC_ALL;

/// Rights to change a file, or to lay something into a folder.
const TO_CHANGE: u32 =
    TO_REPLACE | FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES | GENERIC_WRITE;

/// Kinds of entries in a list of rights: one that gives, one that refuses.
const ALLOWS: u8 = 0;
const DENIES: u8 = 1;

/// Whether nobody but administrators and the system can change what lies here, or lay anything into it.
///
/// # Errors
/// What the system says, if it does not let us look.
pub fn is_systems_alone(path: &Path) -> io::Result<bool> {
    look(path, TO_CHANGE)
}

/// Whether nobody but administrators and the system can put something else in the place of what is the system's in
/// this folder. Others may lay something new into it, as everybody may at the root of a drive.
///
/// # Errors
/// What the system says, if it does not let us look.
pub fn is_way_safe(folder: &Path) -> io::Result<bool> {
    look(folder, TO_REPLACE)
}

fn look(path: &Path, rights: u32) -> io::Result<bool> {
    let path = wide(path);
    let (mut owner, mut list, mut descriptor) =
        (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
    let (wanted, none) = (OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, std::ptr::null_mut());
    // SAFETY: the path is a wide string that ends in zero; the three values live over the call, and null is allowed for
    // what is not wanted.
    let said = unsafe {
        GetNamedSecurityInfoW(
            path.as_ptr(),
            SE_FILE_OBJECT,
            wanted,
            &raw mut owner,
            none,
            &raw mut list,
            std::ptr::null_mut(),
            &raw mut descriptor,
        )
    };
    if said != ERROR_SUCCESS {
        return Err(io::Error::from_raw_os_error(said.cast_signed()));
    }
    // SAFETY: owner and list are parts of the descriptor, which is freed once, after they were read.
    unsafe {
        let alone = is_alone(owner, list, rights);
        LocalFree(descriptor);
        Ok(alone)
    }
}

/// Whether the owner is the system, and nobody else is given any of `rights`. What can't be understood gives them all.
///
/// # Safety
/// Both are null, or parts of a valid descriptor.
unsafe fn is_alone(owner: PSID, list: *const ACL, rights: u32) -> bool {
    // SAFETY: the caller says that both are valid where they are not null. A missing list gives everybody everything.
    unsafe {
        if owner.is_null() || list.is_null() || !is_system(owner) {
            return false;
        }
        (0..u32::from((*list).AceCount)).all(|number| {
            let mut entry = std::ptr::null_mut();
            GetAce(list, number, &raw mut entry) != 0 && gives_none(entry.cast(), rights)
        })
    }
}

/// # Safety
/// `entry` is one of a valid list.
unsafe fn gives_none(entry: *const ACE_HEADER, rights: u32) -> bool {
    // SAFETY: the caller says that it is valid; its kind says which form it has.
    unsafe {
        let only_handed_down = u32::from((*entry).AceFlags) & INHERIT_ONLY_ACE != 0;
        match (*entry).AceType {
            _ if only_handed_down => true,
            DENIES => true,
            ALLOWS => {
                let entry: *const ACCESS_ALLOWED_ACE = entry.cast();
                let who: PSID = (&raw const (*entry).SidStart).cast_mut().cast();
                (*entry).Mask & rights == 0 || is_system(who)
            }
            _ => false,
        }
    }
}

/// What may be given to these is given to nobody who can't do everything anyway. The owner is among them, who was found
/// to be the system.
///
/// # Safety
/// `who` is a valid identifier.
unsafe fn is_system(who: PSID) -> bool {
    let known =
        [WinBuiltinAdministratorsSid, WinLocalSystemSid, WinCreatorOwnerSid, WinCreatorOwnerRightsSid];
    // SAFETY: the caller says that it is valid.
    known.into_iter().any(|known| unsafe { IsWellKnownSid(who, known) != 0 })
        || in_words(who).is_some_and(|words| words == INSTALLER)
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::Security::Authorization::{
        ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
    };
    use windows_sys::Win32::Security::{GetSecurityDescriptorDacl, GetSecurityDescriptorOwner};

    use super::*;

    /// What is found of a descriptor in the system's own language: as a thing of the install, and as a folder above it.
    fn found(words: &str) -> (bool, bool) {
        let text: Vec<u16> = words.encode_utf16().chain([0]).collect();
        let (mut descriptor, mut owner, mut list) =
            (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
        let (mut present, mut standard) = (0, 0);
        // SAFETY: the text ends in zero, the values live over the calls, and the descriptor is freed after its last use.
        unsafe {
            let made = ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                std::ptr::null_mut(),
            );
            assert_ne!(made, 0, "{words}: {}", io::Error::last_os_error());
            assert_ne!(GetSecurityDescriptorOwner(descriptor, &raw mut owner, &raw mut standard), 0);
            let (there, listed, usual) = (&raw mut present, &raw mut list, &raw mut standard);
            assert_ne!(GetSecurityDescriptorDacl(descriptor, there, listed, usual), 0);
            let both = (is_alone(owner, list, TO_CHANGE), is_alone(owner, list, TO_REPLACE));
            LocalFree(descriptor);
            both
        }
    }

    /// A84: the rights that Windows gives its own folders, and what a vendor or a person makes of them.
    #[test]
    fn what_others_than_administrators_may_change_is_told_by_its_list_of_rights() {
        let (installer, anna) = (INSTALLER, "S-1-5-21-1-2-3-1001");
        let programs = format!(
            "O:{installer}D:PAI(A;;FA;;;{installer})(A;CIIO;GA;;;{installer})(A;;0x1301bf;;;SY)(A;OICIIO;GA;;;SY)\
             (A;;0x1301bf;;;BA)(A;OICIIO;GA;;;BA)(A;;0x1200a9;;;BU)(A;OICIIO;GXGR;;;BU)(A;OICIIO;GA;;;CO)"
        );
        let drive = "O:SYD:PAI(A;;LC;;;AU)(A;OICIIO;SDGXGWGR;;;AU)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)";
        let own = "O:BAD:(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)";
        for (what, words, wanted) in [
            ("Program Files", programs.clone(), (true, true)),
            ("the root of a drive", drive.to_owned(), (false, true)),
            ("a program in Program Files", own.to_owned(), (true, true)),
            ("others refused", format!("{own}(D;;FA;;;BU)"), (true, true)),
            ("a person's own file", own.replace("O:BA", &format!("O:{anna}")), (false, false)),
            ("a folder that users may fill", format!("{own}(A;OICI;0x1301bf;;;BU)"), (false, false)),
            ("a folder that users may add to", format!("{own}(A;;0x4;;;BU)"), (false, true)),
            ("everybody may remove", format!("{own}(A;;SD;;;WD)"), (false, false)),
            ("everybody may rename what is in it", format!("{own}(A;;DT;;;WD)"), (false, false)),
            ("a person may give rights", format!("{own}(A;;WD;;;{anna})"), (false, false)),
            ("a person may take it", format!("{own}(A;;WO;;;{anna})"), (false, false)),
            ("all rights by one word", format!("{own}(A;;GA;;;{anna})"), (false, false)),
            ("only handed down", format!("{own}(A;OICIIO;GA;;;{anna})"), (true, true)),
            ("no list at all", "O:BA".to_owned(), (false, false)),
            ("nobody but the owner", "O:BAD:(A;;FA;;;OW)".to_owned(), (true, true)),
        ] {
            assert_eq!(found(&words), wanted, "{what}: {words}");
        }
    }

    /// What this test makes is of the person who runs it, and so no ground to stand on with more rights.
    #[test]
    fn a_file_of_a_person_is_not_the_systems() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_systems_alone(folder.path()).unwrap());
        assert!(is_systems_alone(&folder.path().join("absent")).is_err());
    }
}
