//! The macro behind the key tables: it makes a checked struct, its table and the function that fills the one by the
//! other, so that no key can be in one place only.

/// One key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// What it is for, in one or more sentences.
    pub doc: &'static str,
    /// What its values are, in words.
    pub kind: &'static str,
    /// A lawful value.
    pub example: &'static str,
    /// The value it has when nobody sets it; none when it has to be set.
    pub default: Option<&'static str>,
    /// Its name among the flags of `serve`, without dashes; none when it is no flag.
    pub flag: Option<&'static str>,
    /// Whether its value must not be shown.
    pub is_secret: bool,
}

macro_rules! keys {
    (@option) => { None };
    (@option $literal:literal) => { Some($literal) };
    (
        $(#[doc = $struct_doc:literal])+
        struct $config:ident, table $table:ident { $($(#[doc = $extra_doc:literal])+ $extra:ident: $extra_type:ty,)* }
        $($(#[doc = $doc:literal])+ $name:ident: $type:ty $(= $default:literal)? $(, flag $flag:literal)?;)+
    ) => {
        $(#[doc = $struct_doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $config {
            $($(#[doc = $extra_doc])+ pub $extra: $extra_type,)*
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        #[doc = concat!("Every key of [`", stringify!($config), "`], in the order of the documentation.")]
        pub const $table: &[$crate::config::key::Key] = &[$(
            $crate::config::key::Key {
                name: stringify!($name),
                doc: concat!($($doc),+),
                kind: <$type as $crate::config::Value>::KIND,
                example: <$type as $crate::config::Value>::EXAMPLE,
                default: $crate::config::key::keys!(@option $($default)?),
                flag: $crate::config::key::keys!(@option $($flag)?),
                is_secret: <$type as $crate::config::Value>::IS_SECRET,
            },
        )+];

        impl $config {
            /// Checks every value of `settings`; `extra` fields are handed in.
            pub(in crate::config) fn check(
                settings: &$crate::config::layer::Settings,
                $($extra: $extra_type,)*
            ) -> Result<Self, $crate::config::ConfigError> {
                Ok(Self { $($extra,)* $($name: settings.parse(stringify!($name))?,)+ })
            }
        }
    };
}

pub(crate) use keys;
