//! The errors of CloudWatch Logs, in the form in which the service sends them.
//!
//! AWS JSON 1.1: status 400 for nearly everything, and a body of `__type` and `message`. Types and
//! texts are those seen from the real service where one was seen, so that a client which looks at
//! them is tested on the truth.

use serde_json::json;

/// A refusal by the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    pub status: u16,
    /// What stands in `__type`.
    pub code: String,
    pub message: String,
}

impl AwsError {
    /// An error with status 400, as all errors of the service's model have.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        AwsError {
            status: 400,
            code: code.into(),
            message: message.into(),
        }
    }

    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    /// A member of the request that breaks a constraint of the service's model.
    pub fn constraint(value: &str, member: &str, constraint: &str) -> Self {
        Self::invalid_parameter(format!(
            "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {constraint}"
        ))
    }

    /// A member that the request must have and has not.
    pub fn missing(member: &str) -> Self {
        Self::constraint("null", member, "Member must not be null")
    }

    /// `what`: `log group` or `log stream`.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            "ResourceNotFoundException",
            format!("The specified {what} does not exist."),
        )
    }

    /// `what`: `log group` or `log stream`.
    pub fn already_exists(what: &str) -> Self {
        Self::new(
            "ResourceAlreadyExistsException",
            format!("The specified {what} already exists"),
        )
    }

    /// A body that is not the JSON that the operation takes.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    pub fn unknown_operation() -> Self {
        Self::new("UnknownOperationException", "")
    }

    pub fn throttling() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }

    pub fn expired_token() -> Self {
        Self::new(
            "ExpiredTokenException",
            "The security token included in the request is expired",
        )
    }

    /// The body of the answer.
    pub fn body(&self) -> String {
        json!({ "__type": self.code, "message": self.message }).to_string()
    }
}
