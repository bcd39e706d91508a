"""The store's schema, as the steps that led to it; a step that was released is never changed."""
